"""A fake file server on loopback that does what servers and networks do to downloads."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

import numpy as np
from typing_extensions import override

Answer = Callable[["Handler"], None]
"""Answers one request."""

CONTENT = np.random.default_rng(1).bytes(50_000)
"""Of a file that is downloaded; no checkpoint."""


@dataclass
class FakeFileServer:
    """Serves one file under every path.

    Attributes:
        content: The file.
        etag: Sent if it is not None.
        plan: Answers to the next requests, in order; afterwards the file is served properly.
        headers: Those of every request so far, in order.
        paths: Paths of every request so far.
    """

    content: bytes
    etag: str | None = '"1"'
    plan: list[Answer] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def ranges(self) -> list[str | None]:
        """The header Range of every request."""
        return [headers.get("Range") for headers in self.headers]


ServerOf = Callable[..., FakeFileServer]
"""Starts a server: serve(answer, answer, content=…)."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeFileServer

    def do_GET(self) -> None:
        self.fake.headers.append(dict(self.headers.items()))
        self.fake.paths.append(self.path)
        answer = self.fake.plan.pop(0) if self.fake.plan else serve_part
        answer(self)

    @override
    def log_message(self, *_details: object) -> None:
        pass

    def start(self, status: int, length: int | None, **headers: str | None) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def end(self) -> None:
        """Closes the connection after this answer."""
        self.close_connection = True


def serve_part(handler: Handler) -> None:
    """The file, or the part of it that is asked for."""
    content, etag = handler.fake.content, handler.fake.etag
    start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    if handler.headers.get("If-Range", etag) != etag:
        start = 0
    if start >= len(content):
        handler.start(416, 0, Content_Range=f"bytes */{len(content)}")
    elif start:
        of = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.start(206, len(content) - start, ETag=etag, Content_Range=of)
        handler.wfile.write(content[start:])
    else:
        serve_whole(handler)


def serve_whole(handler: Handler) -> None:
    """The whole file, whatever part is asked for."""
    handler.start(200, len(handler.fake.content), ETag=handler.fake.etag)
    handler.wfile.write(handler.fake.content)


def wrong_part(handler: Handler) -> None:
    """Another part than was asked for."""
    handler.start(206, 5, ETag=handler.fake.etag, Content_Range=f"bytes 1-5/{len(handler.fake.content)}")
    handler.wfile.write(handler.fake.content[1:6])


def in_chunks(handler: Handler) -> None:
    """The file without a length."""
    handler.start(200, None, ETag=handler.fake.etag, Transfer_Encoding="chunked")
    for start in range(0, len(handler.fake.content), 1000):
        piece = handler.fake.content[start : start + 1000]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def compressed(handler: Handler) -> None:
    """The file compressed, although it was asked for as it is."""
    body = gzip.compress(handler.fake.content)
    handler.start(200, len(body), ETag=handler.fake.etag, Content_Encoding="gzip")
    handler.wfile.write(body)


def says(status: int, **headers: str) -> Answer:
    """An error."""

    def answer(handler: Handler) -> None:
        handler.start(status, 0, **headers)

    return answer


def sends(body: bytes, content_type: str = "application/octet-stream") -> Answer:
    """Something else than the file."""

    def answer(handler: Handler) -> None:
        handler.start(200, len(body), Content_Type=content_type)
        handler.wfile.write(body)

    return answer


def redirects_to(url: str) -> Answer:
    """A redirect."""
    return says(302, Location=url)


def cut_after(count: int, announced: int | None = None) -> Answer:
    """The beginning of what is asked for, then an orderly end of the connection."""

    def answer(handler: Handler) -> None:
        _begin(handler, count, announced)
        handler.end()

    return answer


def reset_after(count: int, ignores_ranges: bool = False) -> Answer:
    """The beginning of what is asked for, then a reset of the connection."""

    def answer(handler: Handler) -> None:
        _begin(handler, count, ignores_ranges=ignores_ranges)
        handler.wfile.flush()
        # With a linger time of zero, closing a socket resets the connection.
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.end()

    return answer


def stall_after(count: int) -> Answer:
    """The beginning of what is asked for, then nothing."""

    def answer(handler: Handler) -> None:
        _begin(handler, count)
        handler.wfile.flush()
        handler.fake.closing.wait(10)
        handler.end()

    return answer


def drip(handler: Handler) -> None:
    """A byte now and then."""
    handler.start(200, len(handler.fake.content), ETag=handler.fake.etag)
    for byte in handler.fake.content:
        try:
            handler.wfile.write(bytes([byte]))
        except OSError:
            break
        if handler.fake.closing.wait(0.02):
            break
    handler.end()


def _begin(handler: Handler, count: int, announced: int | None = None, ignores_ranges: bool = False) -> None:
    content, etag = handler.fake.content, handler.fake.etag
    asked = handler.headers.get("Range")
    if asked is None or ignores_ranges:
        handler.start(200, announced or len(content), ETag=etag)
        handler.wfile.write(content[:count])
        return
    start = int(asked.removeprefix("bytes=").rstrip("-"))
    of = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.start(206, len(content) - start, ETag=etag, Content_Range=of)
    handler.wfile.write(content[start : start + count])


@contextmanager
def file_server(fake: FakeFileServer, tls: SSLContext | None = None) -> Iterator[FakeFileServer]:
    """Runs a server in a thread and sets its `url`."""
    handler = type("FakeHandler", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.shutdown_request = server.close_request  # type: ignore[method-assign]  # which ends in order before it closes
    server.handle_error = lambda *_details: None  # type: ignore[method-assign]  # clients hang up here
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
    fake.url = f"{scheme}://{host}:{server.server_address[1]}/model.pth.tar"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
