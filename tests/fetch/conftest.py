"""What all tests of fetching share: a server on loopback, and no way to any other."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from fakes.file_server import CONTENT, Answer, FakeFileServer, ServerOf, file_server
from fomm_fetch.connection import CERTIFICATES, RetryPolicy


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that looks up a name or connects to another machine; hides proxies and certificates."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert ip_address(address[0]).is_loopback, f"a test connects to {address[0]}"
        connect(self, address)

    def checked_look_up(host: Any, *details: Any, **settings: Any) -> Any:
        assert host in ("localhost", "127.0.0.1", "::1"), f"a test looks up {host}"
        return look_up(host, *details, **settings)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in CERTIFICATES:
            monkeypatch.delenv(name)


@pytest.fixture
def waits() -> list[float]:
    """Seconds that a download has waited before its retries."""
    return []


@pytest.fixture
def retry_policy(waits: list[float]) -> RetryPolicy:
    """Waits for nothing, and notes how long it would have waited."""
    return RetryPolicy(connect_s=5, stall_s=0.3, slowest_bytes_per_s=1000, retries=3, sleep=waits.append)


@pytest.fixture
def patient(retry_policy: RetryPolicy) -> RetryPolicy:
    """The same, on machines that are busy: only tests of stalls need a short limit."""
    return replace(retry_policy, stall_s=20)


@pytest.fixture
def serve() -> Iterator[ServerOf]:
    """Starts servers: serve(answer, answer, content=...)."""
    with ExitStack() as running:

        def start(*plan: Answer, content: bytes = CONTENT, tls: SSLContext | None = None) -> FakeFileServer:
            return running.enter_context(file_server(FakeFileServer(content, plan=list(plan)), tls))

        yield start


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    folder = tmp_path / "models"
    monkeypatch.setenv("FOMM_MODELS", str(folder))
    return folder
