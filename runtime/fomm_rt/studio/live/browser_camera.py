"""The camera of a browser, as a session sees it."""

from __future__ import annotations

from collections import OrderedDict
from queue import SimpleQueue
from threading import Lock
from time import perf_counter

from typing_extensions import override

from fomm_rt.errors import CameraError, MediaError
from fomm_rt.live.cameras.protocol import Camera, CameraStream
from fomm_rt.live.frames import CameraFrame
from fomm_rt.studio.live.codecs import Decoder
from fomm_rt.studio.live.packets import Packet

INTERVAL_S = 1 / 30
MOST_WAITING = 60
"""Packets that may wait for the decoder: two seconds. A page that sends more is not waiting for answers."""
TAGS_KEPT = 256


class Tags:
    """Remembers the page's number and time of a frame, by the time of its capture, until its result is sent."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tags: OrderedDict[float, tuple[int, float]] = OrderedDict()

    def put(self, captured_s: float, number: int, page_ms: float) -> None:
        """Remembers a frame; the oldest are forgotten."""
        with self._lock:
            self._tags[captured_s] = number, page_ms
            while len(self._tags) > TAGS_KEPT:
                self._tags.popitem(last=False)

    def find(self, captured_s: float) -> tuple[int, float] | None:
        """Number and time of a frame."""
        with self._lock:
            return self._tags.get(captured_s)


class BrowserCamera(Camera):
    """Takes what a page sends, in the thread of its socket, and decodes it in the session's thread for cameras."""

    name = "the browser's camera"
    reconnects = False
    patience_s: float | None = None

    def __init__(self) -> None:
        self.tags = Tags()
        self._packets: SimpleQueue[tuple[float, Packet] | None] = SimpleQueue()
        self._has_ended = False

    def push(self, packet: Packet) -> None:
        """Takes a packet; returns at once.

        Raises:
            CameraError: The page sends faster than its frames can be decoded.
        """
        if self._packets.qsize() >= MOST_WAITING:
            raise CameraError("the page sends frames faster than they can be decoded; reload it")
        self._packets.put((perf_counter(), packet))

    def end(self) -> None:
        """Ends the camera: its page is gone."""
        self._has_ended = True
        self._packets.put(None)

    @override
    def open(self) -> CameraStream:
        return _BrowserStream(self._packets, self.tags)


class _BrowserStream(CameraStream):
    interval_s = INTERVAL_S
    description = BrowserCamera.name

    def __init__(self, packets: SimpleQueue[tuple[float, Packet] | None], tags: Tags) -> None:
        self._packets, self._tags = packets, tags
        self._decoder = Decoder()
        self._count = 0

    @override
    def read(self) -> CameraFrame | None:
        """Decodes all packets that have come, because each needs those before it; returns the newest picture."""
        while True:
            newest: CameraFrame | None = None
            item = self._packets.get()
            while item is not None:
                newest = self._decoded(*item) or newest
                if self._packets.empty():
                    break
                item = self._packets.get()
            if item is None:
                return None
            if newest is not None:
                return newest

    @override
    def close(self) -> None:
        """There is nothing to free."""

    def _decoded(self, captured_s: float, packet: Packet) -> CameraFrame | None:
        try:
            pixels = self._decoder.decode(packet.kind, packet.content)
        except MediaError as error:
            raise CameraError(str(error)) from error
        if pixels is None:
            return None
        self._tags.put(captured_s, packet.number, packet.page_ms)
        self._count += 1
        return CameraFrame(self._count - 1, captured_s, pixels)
