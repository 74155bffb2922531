"""Who may talk to the studio. All rules are in this file.

1. The header Host names this machine: otherwise a web site whose name resolves to 127.0.0.1 could read answers (DNS
   rebinding). On loopback that is localhost or a loopback address; elsewhere also an address, or this machine's name.
   The port is not compared, because a tunnel such as `ssh -L` has another one.
2. The header Origin, if there is one, is the origin of Host: a page of another site may send requests and open
   WebSockets, but it cannot change this header.
3. Everything under /api/ needs the token: in the header "Authorization: Bearer TOKEN", or exchanged for a cookie by
   POST /api/session. The token travels in the fragment of the URL, which browsers do not send.
4. With the cookie, a request that changes something, and a WebSocket, needs Origin. Browsers send it.
5. Every response says what the page may load: files of this server alone.

The cookie is HttpOnly (scripts cannot read it), SameSite=Strict (no other site can use it), and Secure with TLS.
Secrets are compared in constant time.
"""

from __future__ import annotations

import secrets
import socket
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import monotonic
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fomm_rt.studio.answers import error_answer
from fomm_rt.studio.refusal import Refusal

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ONE_TIME_S = 60.0

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), display-capture=()",
    "Cache-Control": "no-store",
}
"""Headers of every response, unless it sets them itself."""


class Access:
    """The secrets of one run of the server, and the hosts that it answers to.

    Args:
        host: The address that the server listens on.
        is_tls: True if it speaks HTTPS.

    Attributes:
        token: For the URL and for programs.
    """

    def __init__(self, host: str, is_tls: bool) -> None:
        self.token = secrets.token_urlsafe(32)
        self._cookie = secrets.token_urlsafe(32)
        # Browsers share cookies between the ports of a host, and two studios must not overwrite each other's.
        self._cookie_name = f"fomm_rt_{secrets.token_hex(4)}"
        self._one_time: dict[str, float] = {}
        self._is_tls = is_tls
        self._is_loopback = is_loopback(host)
        self._names = {"localhost", host.lower()} if self._is_loopback else {"localhost", host.lower(), *_own_names()}

    def one_time_token(self) -> str:
        """A token that is good for one session within a minute.

        Other users of this machine can read the command line of the browser that is started with it.
        """
        token = secrets.token_urlsafe(32)
        self._one_time[token] = monotonic() + _ONE_TIME_S
        return token

    def open_session(self, token: str) -> str:
        """Exchanges a token for the value of a Set-Cookie header. Raises Refusal for a wrong token."""
        if not (_is_same(token, self.token) or self._take_one_time(token)):
            raise Refusal(401, "this token is not valid; open the address that fomm-rt studio has printed")
        secure = "; Secure" if self._is_tls else ""
        return f"{self._cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def check(self, scope: Scope) -> None:
        """Raises Refusal for a request or WebSocket that may not be answered."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_own_host(hosts[0]):
            raise Refusal(403, "the request names another host; open the address that fomm-rt studio has printed")
        scheme = "https" if self._is_tls else "http"
        if origins and origins != [f"{scheme}://{hosts[0]}"]:
            raise Refusal(403, "the request comes from a page of another origin, which may not use the studio")
        path: str = scope["path"]
        if not path.startswith("/api/") or path == "/api/session":
            return
        if _is_same(_bearer(headers), self.token):
            return
        if not _is_same(self._cookie_of(headers), self._cookie):
            raise Refusal(401, "this request needs the token; open the address that fomm-rt studio has printed")
        is_reading = scope["type"] == "http" and scope["method"] in _READING
        if not is_reading and not origins:
            raise Refusal(403, "a request with the cookie needs the header Origin; programs send the token instead")

    def _take_one_time(self, token: str) -> bool:
        now = monotonic()
        known = next((each for each in self._one_time if _is_same(token, each)), None)
        return known is not None and self._one_time.pop(known) >= now

    def _is_own_host(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name = parts.hostname or ""
            _ = parts.port  # raises ValueError if it is no number
        except ValueError:
            return False
        if parts.netloc != host or parts.username is not None:
            return False
        address = _address(name)
        if address is not None:
            return address.is_loopback or not self._is_loopback
        return name in self._names

    def _cookie_of(self, headers: Headers) -> str:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie_name)
        except CookieError:
            return ""
        return "" if cookie is None else cookie.value


class Guard:
    """Checks every request and WebSocket before the application sees it, and adds HEADERS to every response.

    Args:
        app: The application.
        access: The rules.
        sockets: WebSockets at once.
    """

    def __init__(self, app: ASGIApp, access: Access, sockets: int) -> None:
        self._app = app
        self._access = access
        self._free_sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or hands it to the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        is_socket = scope["type"] == "websocket"

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._access.check(scope)
            if is_socket and self._free_sockets <= 0:
                raise Refusal(429, "there are too many connections; close other pages of the studio")
        except Refusal as refusal:
            if is_socket:
                await send({"type": "websocket.close", "code": 1008, "reason": str(refusal)})
            else:
                await error_answer(refusal.status, str(refusal))(scope, receive, send_with_headers)
            return
        self._free_sockets -= is_socket
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._free_sockets += is_socket


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses, which other machines cannot reach."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name}.local"}


def _bearer(headers: Headers) -> str:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def _is_same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())
