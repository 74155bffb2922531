"""A studio that runs in a thread of the test, with the small model, and a client."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import uvicorn

from fomm_rt.studio.app import Studio
from fomm_rt.studio.limits import Limits
from fomm_rt.studio.server import configuration
from fomm_rt.studio.settings import Settings
from fomm_rt.workers.messages import LoadOptions

SOON_S = 120
"""The machine of a test may be busy."""


@dataclass
class Answer:
    """A response that has been read."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass
class Client:
    """A program that has the token."""

    studio: Studio
    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.headers.setdefault("Authorization", f"Bearer {self.studio.access.token}")

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Sends a request and reads its answer. A header may be left out by an empty value."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SOON_S)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, path, content, {name: value for name, value in named.items() if value})
            return self._read(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.request("POST", path, body, **headers)

    def upload(self, kind: str, content: bytes | Path, name: str = "a%20file") -> Answer:
        body = content if isinstance(content, bytes) else content.read_bytes()
        return self.post(f"/api/uploads?kind={kind}", body, X_File_Name=name)

    def submit(self, source: str = "avatar:fox", driving: str = "driver:performance", **options: Any) -> str:
        answer = self.post("/api/jobs", {"source": source, "driving": driving, "options": options})
        assert answer.status == 201, answer.content
        return str(answer.json["id"])

    def events(self, job: str) -> list[dict[str, Any]]:
        """All events of a job, to its end."""
        content = self.get(f"/api/jobs/{job}/events").content.decode()
        return [json.loads(line[6:]) for line in content.splitlines() if line.startswith("data: ")]

    def wait_for(self, job: str, state: str) -> dict[str, Any]:
        """Waits until a job has a state."""
        end = monotonic() + SOON_S
        while (now := self.get(f"/api/jobs/{job}").json)["state"] != state:
            assert monotonic() < end, now
            sleep(0.02)
        return dict(now)

    def open_socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=SOON_S)

    @staticmethod
    def _read(response: HTTPResponse) -> Answer:
        return Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())


@contextmanager
def running_studio(folder: Path, model: Path | None, limits: Limits | None = None) -> Iterator[Client]:
    """Runs a studio until the context ends."""
    folder.mkdir()
    load = LoadOptions(None if model is None else str(model), "onnxruntime-cpu")
    settings = Settings(load=load, port=0, limits=limits or Limits())
    studio = Studio(settings, folder)
    server = uvicorn.Server(configuration(studio.app, settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                sleep(0.01)
            yield Client(studio, port)
        finally:
            server.should_exit = True
            thread.join(SOON_S)
            studio.stop()
            assert not thread.is_alive()
