"""Who may talk to the studio: tokens, cookies, Host and Origin."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from starlette.types import Scope

from fomm_rt.studio.access import Access, is_loopback
from fomm_rt.studio.refusal import Refusal

HOST = "127.0.0.1:7860"


def scope(path: str = "/api/status", method: str = "GET", kind: str = "http", **headers: str) -> Scope:
    named = {"host": HOST, **headers}
    pairs = [(name.encode(), value.encode()) for name, value in named.items() if value]
    return {"type": kind, "path": path, "method": method, "headers": pairs}


def cookie_of(access: Access) -> str:
    morsel = next(iter(SimpleCookie(access.open_session(access.token)).values()))
    return f"{morsel.key}={morsel.value}"


def status_of(access: Access, request: Scope) -> int:
    """200 if a request may be answered, else the status of the refusal."""
    try:
        access.check(request)
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.fixture
def access() -> Access:
    return Access("127.0.0.1", is_tls=False)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "localhost:9000", "LOCALHOST", "[::1]:7860"])
def test_this_machine_is_answered_on_any_port(access: Access, host: str) -> None:
    assert status_of(access, scope("/", host=host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.1:7860",
        "a b",
        "localhost@evil.example",
        "evil.example/localhost",
        "localhost:x",
        "localhost/../",
        "[::1",
        "",
    ],
)
def test_other_hosts_are_refused(access: Access, host: str) -> None:
    assert status_of(access, scope("/", host=host)) == 403


def test_two_hosts_are_refused(access: Access) -> None:
    request = scope("/")
    request["headers"].append((b"host", b"evil.example"))
    assert status_of(access, request) == 403


def test_a_server_for_others_answers_to_addresses_and_its_own_names() -> None:
    access = Access("0.0.0.0", is_tls=True)
    assert status_of(access, scope("/", host="192.0.2.1:7860")) == 200
    assert status_of(access, scope("/", host="evil.example:7860")) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:7860", "https://127.0.0.1:7860", "http://127.0.0.1:1"]
)
def test_pages_of_other_origins_are_refused(access: Access, origin: str) -> None:
    for kind in ("http", "websocket"):
        request = scope("/api/status", kind=kind, origin=origin, authorization=f"Bearer {access.token}")
        assert status_of(access, request) == 403


def test_only_the_api_needs_the_token(access: Access) -> None:
    assert status_of(access, scope("/")) == 200
    assert status_of(access, scope("/js/app.js")) == 200
    assert status_of(access, scope("/api/session", "POST", origin=f"http://{HOST}")) == 200
    assert status_of(access, scope("/api/status")) == 401
    assert status_of(access, scope("/api/live", kind="websocket", origin=f"http://{HOST}")) == 401


def test_a_program_sends_the_token(access: Access) -> None:
    assert status_of(access, scope(method="POST", authorization=f"Bearer {access.token}")) == 200
    assert status_of(access, scope(authorization=f"Bearer {access.token}x")) == 401
    assert status_of(access, scope(authorization=access.token)) == 401
    assert status_of(access, scope(authorization="Bearer ")) == 401


def test_a_page_sends_the_cookie(access: Access) -> None:
    cookie = cookie_of(access)
    assert status_of(access, scope(cookie=f"other=1; {cookie}")) == 200
    assert status_of(access, scope(method="POST", cookie=cookie, origin=f"http://{HOST}")) == 200
    assert status_of(access, scope(cookie=cookie[:-1])) == 401
    assert status_of(access, scope(cookie=cookie_of(Access("127.0.0.1", is_tls=False)))) == 401


def test_the_cookie_changes_nothing_without_origin(access: Access) -> None:
    cookie = cookie_of(access)
    for method in ("POST", "PUT", "DELETE"):
        assert status_of(access, scope(method=method, cookie=cookie)) == 403
    assert status_of(access, scope("/api/live", kind="websocket", cookie=cookie)) == 403


def test_the_cookie_is_for_this_site_alone(access: Access) -> None:
    header = access.open_session(access.token)
    assert "HttpOnly" in header
    assert "SameSite=Strict" in header
    assert "Secure" not in header
    assert "; Secure" in (tls := Access("127.0.0.1", is_tls=True)).open_session(tls.token)
    assert access.token not in header


def test_a_wrong_token_opens_no_session(access: Access) -> None:
    for token in ("", "x", access.token[:-1], f"{access.token} ", "\ud800"):
        with pytest.raises(Refusal, match="not valid") as refused:
            access.open_session(token)
        assert refused.value.status == 401


def test_a_one_time_token_is_good_once(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    token = access.one_time_token()
    access.open_session(token)
    with pytest.raises(Refusal):
        access.open_session(token)
    late = access.one_time_token()
    monkeypatch.setattr("fomm_rt.studio.access.monotonic", lambda: 1e12)
    with pytest.raises(Refusal):
        access.open_session(late)


def test_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.1", "example.org", "")))
