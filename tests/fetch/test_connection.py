"""Redirects, proxies and certificates, and what goes wrong in words."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
import trustme

from fakes.file_server import CONTENT, ServerOf, redirects_to, sends
from fomm_fetch.connection import Connection, RetryPolicy, SourceError


@pytest.fixture
def connection(patient: RetryPolicy) -> Iterator[Connection]:
    with Connection(patient) as opened:
        yield opened


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The certificate that `tls` is signed with."""
    return tmp_path / "authority.pem"


@pytest.fixture
def tls(authority: Path) -> SSLContext:
    """Of an authority that only this test knows."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(authority))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    made.issue_cert("localhost").configure_cert(context)
    return context


def get(connection: Connection, url: str) -> bytes:
    with connection.get(url, {}) as response:
        return response.content


def test_follows_redirects(serve: ServerOf, connection: Connection) -> None:
    files = serve()
    assert get(connection, serve(redirects_to(files.url)).url) == CONTENT
    assert get(connection, serve(redirects_to("/elsewhere")).url) == CONTENT


def test_gives_up_on_redirects_without_end(serve: ServerOf, connection: Connection) -> None:
    server = serve(*[redirects_to("/again")] * 50)
    with pytest.raises(SourceError, match="redirects without end"):
        get(connection, server.url)
    assert len(server.headers) < 15


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_trusts_the_certificates_of_the_environment(
    serve: ServerOf,
    patient: RetryPolicy,
    tls: SSLContext,
    authority: Path,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(authority))
    with Connection(patient) as connection:
        assert get(connection, serve(tls=tls).url) == CONTENT


def test_refuses_other_certificates(serve: ServerOf, connection: Connection, tls: SSLContext) -> None:
    with pytest.raises(SourceError, match=r"no certificate that this machine accepts.*SSL_CERT_FILE") as raised:
        get(connection, serve(tls=tls).url)
    assert not raised.value.again


def test_says_which_variables_name_certificates(
    serve: ServerOf, patient: RetryPolicy, tls: SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with Connection(patient) as connection, pytest.raises(SourceError, match=r"/nowhere\.pem.*check REQUESTS_CA"):
        get(connection, serve(tls=tls).url)


def test_never_goes_from_https_to_http(
    serve: ServerOf, patient: RetryPolicy, tls: SSLContext, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    plain = serve()
    with Connection(patient) as connection, pytest.raises(SourceError, match="which is not encrypted") as raised:
        get(connection, serve(redirects_to(plain.url), tls=tls).url)
    assert not raised.value.again
    assert plain.headers == []


def test_goes_from_http_to_https(
    serve: ServerOf, patient: RetryPolicy, tls: SSLContext, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    safe = serve(tls=tls)
    with Connection(patient) as connection:
        assert get(connection, serve(redirects_to(safe.url)).url) == CONTENT


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_asks_the_proxy_of_the_environment(
    serve: ServerOf, connection: Connection, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(sends(b"from the proxy"))
    monkeypatch.setenv(variable, proxy.url.rsplit("/", 1)[0])
    assert get(connection, "http://files.invalid/model.pth.tar") == b"from the proxy"
    assert proxy.paths == ["http://files.invalid/model.pth.tar"]


def test_asks_no_proxy_for_exceptions(serve: ServerOf, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, files = serve(), serve()
    monkeypatch.setenv("HTTP_PROXY", proxy.url.rsplit("/", 1)[0])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert get(connection, files.url) == CONTENT
    assert proxy.paths == []


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_proxy_that_does_not_answer(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(SourceError, match="through the proxy that the environment names") as raised:
        get(connection, "http://files.invalid/")
    assert raised.value.again


def test_a_server_that_is_not_there(connection: Connection) -> None:
    with pytest.raises(SourceError, match=r"cannot be reached \(Connection refused\)") as raised:
        get(connection, f"http://127.0.0.1:{closed_port()}/")
    assert raised.value.again


def test_a_name_that_does_not_exist(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_details: Any, **_settings: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceError, match="cannot be found; this machine may be offline"):
        get(connection, "http://files.invalid/")


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://127.0.0.1:99999/", "nothing"])
def test_urls_that_are_none(connection: Connection, url: str) -> None:
    with pytest.raises(SourceError, match="cannot be asked for the file"):
        get(connection, url)


def test_these_tests_reach_no_other_machine(connection: Connection) -> None:
    with pytest.raises(AssertionError, match=r"looks up 192\.0\.2\.1"):
        get(connection, "http://192.0.2.1/")
    with socket.socket() as other, pytest.raises(AssertionError, match=r"connects to 192\.0\.2\.1"):
        other.connect(("192.0.2.1", 80))
