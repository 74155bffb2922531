"""Listens and serves until Ctrl-C."""

from __future__ import annotations

import errno
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from fomm_rt.errors import FommError
from fomm_rt.files.interruption import SIGNALS, heeded, uninterrupted
from fomm_rt.studio.app import Studio
from fomm_rt.studio.folder import run_folder
from fomm_rt.studio.impatient import ImpatientProtocol
from fomm_rt.studio.settings import Settings

FIRST_PORT = 7860
_PORTS = 20
_STOP_S = 1
_HEADER_BYTES = 16 * 1024
_MESSAGE_BYTES = 4 << 20


class ServerError(FommError):
    """The server cannot listen."""


def serve(settings: Settings, on_start: Callable[[str, str], None]) -> None:
    """Serves the studio until Ctrl-C or a termination signal.

    Args:
        settings: What the user has asked for.
        on_start: Called when requests are answered, with the address that holds the token, and one for the browser,
            which is good once.

    Raises:
        SystemExit: A termination signal has ended it.
        FommError: The port is taken, or something that the settings name cannot be used.
    """
    with _listening(settings.host, settings.port) as listener, run_folder() as folder:
        studio = Studio(settings, folder)
        try:
            base = address_of(settings, listener.getsockname()[1])
            server = _Server(
                configuration(studio.app, settings),
                lambda: on_start(
                    f"{base}/#token={studio.access.token}", f"{base}/#token={studio.access.one_time_token()}"
                ),
            )
            server.run(sockets=[listener])
        finally:
            with uninterrupted():
                studio.stop()
    if server.ended_by not in (None, signal.SIGINT):
        raise SystemExit(128 + server.ended_by)


def address_of(settings: Settings, port: int) -> str:
    """The address to open in a browser on this machine, or from another one if the server listens for others."""
    scheme = "http" if settings.certificate is None else "https"
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(uvicorn.Server):
    """Says when it answers requests, and what has ended it.

    Attributes:
        ended_by: A signal.
    """

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start
        self.ended_by: int | None = None

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without its signal at the end, which would count as a second Ctrl-C."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in heeded(SIGNALS)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.ended_by = sig
        self.should_exit = True

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


def configuration(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How the application is served: limits to sizes and times, and no chatter."""
    certificate, key = settings.certificate or (None, None)
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=ImpatientProtocol,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="info" if settings.is_verbose else "critical",
        access_log=settings.is_verbose,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.limits.connections,
        timeout_graceful_shutdown=_STOP_S,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def check_certificate(certificate: Path, key: Path) -> None:
    """Raises ServerError if files are no TLS certificate and its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise ServerError(
            f"{certificate}, {key}: expected a certificate and its key, without a password, in PEM format; they "
            f"cannot be used ({error.strerror or error})"
        ) from error


@contextmanager
def _listening(host: str, port: int | None) -> Iterator[socket.socket]:
    """Yields a socket that listens on a port, or on the first free one from FIRST_PORT.

    Raises:
        ServerError: The port is taken, or the address is not one of this machine.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServerError(f"{host}: expected an address of this machine; {error.strerror}") from error
    family, address = found[0][0], str(found[0][4][0])
    ports = [port] if port is not None else [*range(FIRST_PORT, FIRST_PORT + _PORTS), 0]
    for each in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # on Windows it would share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, each))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and each != ports[-1]:
                continue
            raise ServerError(_why_not(error, host, each)) from error
        with listener:
            yield listener
        return


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program; choose another one with --port, or leave the option out"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user; choose one from 1024 with --port"
    return f"{host}, port {port}: cannot listen there ({error.strerror}); choose another address with --host"
