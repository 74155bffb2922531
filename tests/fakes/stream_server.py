"""Fake network cameras on loopback: Motion JPEG and files over HTTP, H.264 in MPEG-TS over UDP, H.264 over RTSP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
from av.video.stream import VideoStream

from fomm_bench.numbered_pictures import numbered

FPS = 30
Size = tuple[int, int]


@dataclass
class FakeHttpCamera:
    """What a web server at `url` sends.

    Attributes:
        fps: Pictures per second of /video.
        sizes: Width and height of the pictures of /video, in order; the last one is repeated.
        count: After so many pictures the connection is closed; None for never.
        stalls_after: After so many pictures nothing more is sent.
        files: Path -> content of files that are sent at once.
        redirections: Path -> address that answers lead to.
        requests: Paths that were asked for.
    """

    url: str = ""
    fps: int = FPS
    sizes: list[Size] = field(default_factory=lambda: [(160, 96)])
    count: int | None = None
    stalls_after: int | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    redirections: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def pictures(self) -> Iterator[bytes]:
        """Yields JPEGs that show their number."""
        number = 0
        while number != self.count and not self.is_over.wait(1 / self.fps):
            if number == self.stalls_after:
                self.is_over.wait()
                return
            picture = numbered(number, *self.sizes[min(number, len(self.sizes) - 1)])
            yield cv2.imencode(".jpg", picture)[1].tobytes()
            number += 1


@contextmanager
def http_camera(**settings: object) -> Iterator[FakeHttpCamera]:
    """Starts a web server on loopback."""
    camera = FakeHttpCamera(**settings)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            camera.requests.append(self.path)
            with suppress(OSError):
                if self.path == "/private":
                    self.send_error(401)
                elif self.path in camera.redirections:
                    self.send_response(302)
                    self.send_header("Location", camera.redirections[self.path])
                    self.end_headers()
                elif self.path == "/video":
                    self._send_pictures()
                elif self.path in camera.files:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(camera.files[self.path])))
                    self.end_headers()
                    self.wfile.write(camera.files[self.path])
                else:
                    self.send_error(404)

        def _send_pictures(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for jpeg in camera.pictures():
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    camera.url = f"http://127.0.0.1:{server.server_port}"
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield camera
        finally:
            camera.is_over.set()
            server.shutdown()
            thread.join()


def send_h264(url: str, container_format: str, is_over: threading.Event, size: Size = (160, 96)) -> None:
    """Encodes numbered pictures, 30 per second with a key frame every ten, and sends them until it is over."""
    with av.open(url, "w", format=container_format) as output:
        stream = output.add_stream("libx264", rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
        number = 0
        while not is_over.wait(1 / FPS):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
            frame.pts = number
            with suppress(OSError):  # the port is not read yet
                output.mux(stream.encode(frame))
            number += 1


@contextmanager
def udp_camera() -> Iterator[str]:
    """Sends H.264 in MPEG-TS over UDP to a free port; yields the address to read."""
    port = _free_port()
    is_over = threading.Event()
    url = f"udp://127.0.0.1:{port}"
    with _thread(lambda: send_h264(f"{url}?pkt_size=1316", "mpegts", is_over), is_over):
        yield url


@contextmanager
def rtsp_camera() -> Iterator[str]:
    """Serves H.264 over RTSP to one client at a time, in its TCP connection; yields the address to read."""
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError, ConnectionError, BrokenPipeError):
                    client, _ = server.accept()
                    with client:
                        _talk_rtsp(client, is_over)

        with _thread(serve, is_over):
            yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"


def _talk_rtsp(client: socket.socket, is_over: threading.Event) -> None:
    """Answers the requests of a client; after PLAY, relays RTP packets that an encoder sends to a port of ours."""
    client.settimeout(5)
    with client.makefile("rb") as requests:
        while line := requests.readline().decode():
            method, url, _ = line.split()
            headers = {}
            while (header := requests.readline().decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body, extra = "", ""
            if method == "OPTIONS":
                extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            if method == "DESCRIBE":
                body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                body += "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
                extra = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n"
            if method == "SETUP":
                extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers['cseq']}\r\nSession: 1\r\n{extra}"
            client.sendall(f"{answer}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if method == "PLAY":
                _relay_rtp(client, is_over)
                return


def _relay_rtp(client: socket.socket, is_over: threading.Event) -> None:
    has_gone = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
        packets.bind(("127.0.0.1", 0))
        packets.settimeout(0.1)
        url = f"rtp://127.0.0.1:{packets.getsockname()[1]}"
        with _thread(lambda: send_h264(url, "rtp", has_gone), has_gone):
            while not is_over.is_set():
                with suppress(TimeoutError):
                    packet = packets.recv(65536)
                    client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)


@contextmanager
def _thread(work: Callable[[], None], is_over: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
