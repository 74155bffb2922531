"""The live socket, over a real connection: a page that gives the camera, viewers, refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from fomm_bench.live_stand_ins import timed_animator
from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars
from fomm_rt.errors import ModelError
from fomm_rt.studio.live.codecs import Decoder, Encoder, encode_jpeg
from fomm_rt.studio.live.hub import Hub
from fomm_rt.studio.live.packets import Kind, Packet
from fomm_rt.studio.live.socket import BUSY, WRONG, live_routes

SOON_S = 20


class Server:
    """A server of live routes alone, on a free port."""

    def __init__(self, load: Callable[[str | None], Animator]) -> None:
        self.hub = Hub(load, avatars=bundled_avatars()[:3])
        app = Starlette(routes=live_routes(self.hub))
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio"))
        self._thread = Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            sleep(0.01)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(SOON_S)
        assert not self._thread.is_alive()

    def wait_until_free(self) -> None:
        """Waits until the session of a page that has gone is over."""
        until_s = monotonic() + SOON_S
        while self.hub.is_live:
            assert monotonic() < until_s
            sleep(0.01)

    @contextmanager
    def page(self, role: str, codec: str = "h264", **parameters: str) -> Iterator[FakePage]:
        query = "&".join(f"{name}={value}" for name, value in {"role": role, "codec": codec, **parameters}.items())
        with connect(f"ws://127.0.0.1:{self.port}/api/live?{query}") as socket:
            yield FakePage(socket, codec)


class FakePage:
    """What a page does: sends numbered frames, decodes answers, keeps messages."""

    def __init__(self, socket: ClientConnection, codec: str) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.widths: list[int] = []
        self._is_jpeg = codec == "jpeg"
        self._encoder, self._decoder = Encoder(), Decoder()

    def send_frame(self, number: int) -> None:
        picture = numbered(number, in_square=True)
        coded = (Kind.JPEG, encode_jpeg(picture)) if self._is_jpeg else self._encoder.encode(picture, number == 0)
        self.socket.send(Packet(coded[0], number, 1000.0 + number, coded[1]).message())

    def command(self, name: str, value: object = None) -> None:
        self.socket.send(json.dumps({"type": "command", "name": name, "value": value}))

    def next_picture(self) -> tuple[Packet, int]:
        """The next packet, and the number in its picture."""
        while True:
            packet = self._next_packet()
            picture = self._decoder.decode(packet.kind, packet.content)
            if picture is not None:
                self.widths.append(picture.shape[1])
                return packet, number_of(picture)

    def wait_for(self, kind: str, holds: Callable[[dict[str, Any]], bool] = lambda _message: True) -> dict[str, Any]:
        """The first message of a kind for which something holds."""
        until_s = monotonic() + SOON_S
        while True:
            for message in self.messages:
                if message["type"] == kind and holds(message):
                    return message
            assert monotonic() < until_s, self.messages
            self._receive()

    def _next_packet(self) -> Packet:
        while True:
            message = self._receive()
            if message is not None:
                return message

    def _receive(self) -> Packet | None:
        message = self.socket.recv(SOON_S)
        if isinstance(message, bytes):
            return Packet.parse(message)
        self.messages.append(json.loads(message))
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server(lambda _model: timed_animator(0.005))) as server:
        yield server


def test_the_avatar_rests_until_frames_come(server: Server) -> None:
    with server.page("camera") as page:
        packet, _ = page.next_picture()
        assert packet.kind is Kind.KEY
        assert math.isnan(packet.page_ms)


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_answers_carry_number_and_time_of_the_frame_that_they_show(server: Server, codec: str) -> None:
    with server.page("camera", codec) as page:
        page.next_picture()
        answered = 0
        for number in range(20):
            page.send_frame(number)
            packet, shown = page.next_picture()
            if math.isnan(packet.page_ms):
                continue
            answered += 1
            assert (packet.number, packet.page_ms) == (shown, 1000.0 + shown)
        assert answered >= 15


def test_a_burst_is_answered_by_its_newest_frame(server: Server) -> None:
    with server.page("camera") as page:
        page.next_picture()
        for number in range(30):
            page.send_frame(number)
        shown = -1
        while shown != 29:
            _, shown = page.next_picture()
        numbers = page.wait_for("numbers", lambda message: message["numbers"]["captured"] > 1)["numbers"]
        assert numbers["shown"] < numbers["captured"], "older frames are decoded, but not animated"


def test_a_viewer_sees_what_the_camera_drives(server: Server) -> None:
    with server.page("camera") as page, server.page("viewer", "jpeg") as viewer, server.page("viewer") as other:
        for number in range(1, 4):
            page.send_frame(number - 1)
            page.next_picture()
        for watching in (viewer, other):
            page.send_frame(3)
            shown = -1
            while shown != 3:
                _, shown = watching.next_picture()
            watching.socket.send(Packet(Kind.JPEG, 0, 0.0, b"x").message())
            assert "viewer" in watching.wait_for("error")["error"]


def test_a_viewer_that_comes_while_the_picture_is_frozen_sees_it(server: Server) -> None:
    with server.page("camera") as page:
        page.next_picture()
        page.command("freeze")
        page.wait_for("state", lambda message: message["state"]["frozen"])
        with server.page("viewer") as viewer:
            packet, _ = viewer.next_picture()
            assert packet.kind is Kind.KEY


def test_the_panel_is_not_shown_to_viewers(server: Server) -> None:
    with server.page("camera", "jpeg") as page, server.page("viewer", "jpeg") as viewer:
        page.next_picture()
        page.command("view", "panel")
        page.wait_for("state", lambda message: message["state"]["view"] == "panel")
        for number in range(10):
            page.send_frame(number)
            page.next_picture()
        assert page.widths[-1] == 3 * 256
        for _ in range(10):
            viewer.next_picture()
        assert set(viewer.widths) == {256}


def test_a_page_that_lost_a_frame_gets_a_key_frame(server: Server) -> None:
    with server.page("camera") as page:
        page.next_picture()
        page.command("freeze")
        page.wait_for("state", lambda message: message["state"]["frozen"])
        page.socket.send('{"type": "key"}')
        packet, _ = page.next_picture()
        assert packet.kind is Kind.KEY


def test_whoever_starts_again_is_not_shown_at_once(server: Server) -> None:
    with server.page("camera") as page:
        page.next_picture()
        page.command("passthrough")
        page.wait_for("state", lambda message: message["state"]["passthrough"])
    server.wait_until_free()
    with server.page("camera") as page:
        assert not page.wait_for("state")["state"]["passthrough"]


def test_only_one_page_gives_the_camera(server: Server) -> None:
    with server.page("camera") as page:
        page.next_picture()
        with server.page("camera") as second, pytest.raises(ConnectionClosed) as closed:
            second.socket.recv(SOON_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == BUSY
        assert "another page is live" in closed.value.rcvd.reason
    server.wait_until_free()
    with server.page("camera") as third:
        third.next_picture()


def test_viewers_stay_when_the_camera_goes_and_comes(server: Server) -> None:
    with server.page("viewer", "jpeg") as viewer:
        assert not viewer.wait_for("state")["is_live"]
        for _ in range(2):
            with server.page("camera", "jpeg") as page:
                page.next_picture()
                viewer.next_picture()
            viewer.messages.clear()
            viewer.wait_for("state", lambda message: not message["is_live"])
            server.wait_until_free()


def test_commands_change_the_state_of_all_pages(server: Server) -> None:
    with server.page("camera") as page, server.page("viewer") as viewer:
        page.next_picture()
        page.wait_for("avatars", lambda message: len(message["names"]) == 3)
        viewer.command("next-avatar")
        assert "viewer" in viewer.wait_for("error")["error"]
        page.command("next-avatar")
        viewer.wait_for("state", lambda message: message["state"]["avatar"] == 1)
        with urlopen(f"http://127.0.0.1:{server.port}/api/live/avatars/1") as answer:
            assert answer.headers["content-type"] == "image/jpeg"
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{server.port}/api/live/avatars/7")
        refused.value.close()
        assert refused.value.code == 404


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        '{"type": "command"}',
        '{"type": "command", "name": 3}',
        '{"type": "command", "name": "explode"}',
        '{"type": "command", "name": "avatar", "value": "x"}',
        '{"type": "command", "name": "quit"}',
        '{"type": "command", "name": "smoothing", "value": [1]}',
        "[" * 4000,
        "x" * 5000,
    ],
)
def test_wrong_messages_are_refused_in_a_sentence(server: Server, text: str) -> None:
    with server.page("camera") as page:
        page.socket.send(text)
        assert page.wait_for("error")["error"]
        page.command("smoothing", 0.5)
        page.wait_for("state", lambda message: message["state"]["smoothing"] == 0.5)


def test_frames_that_cannot_be_decoded_end_the_session_with_a_sentence(server: Server) -> None:
    with server.page("camera", "jpeg") as page:
        page.next_picture()
        page.socket.send(Packet(Kind.JPEG, 0, 0.0, b"no picture at all").message())
        assert "JPEG" in page.wait_for("ended")["error"]
    server.wait_until_free()
    with server.page("camera") as page:
        page.next_picture()


@pytest.mark.parametrize("query", ["", "?role=camera", "?role=boss&codec=h264", "?role=viewer&codec=gif"])
def test_wrong_parameters_are_refused(server: Server, query: str) -> None:
    with (
        connect(f"ws://127.0.0.1:{server.port}/api/live{query}") as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):
        socket.recv(SOON_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == WRONG


def test_a_model_that_cannot_be_opened_is_told() -> None:
    def load(model: str | None) -> Animator:
        if model == "missing":
            raise ModelError("there is no model missing")
        return timed_animator(0.005)

    with closing(Server(load)) as server:
        with server.page("camera", model="missing") as page:
            assert page.wait_for("ended")["error"] == "there is no model missing"
        server.wait_until_free()
        with server.page("camera") as page:
            page.next_picture()


def test_the_server_ends_while_a_page_is_live() -> None:
    server = Server(lambda _model: timed_animator(0.005))
    with server.page("camera") as page:
        page.next_picture()
        server.close()
