"""Reads a camera in its own threads, and opens it again when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from time import perf_counter
from typing import Literal

from fomm_rt.errors import FommError, first_line
from fomm_rt.live.camera_reader import CameraReader, Ending
from fomm_rt.live.cameras.protocol import Camera, CameraStream
from fomm_rt.live.frames import CameraFrame
from fomm_rt.live.latest import Latest
from fomm_rt.live.numbers import Accounting

_logger = logging.getLogger("fomm_rt")

RETRY_S = 1.0
"""Between two attempts to open a camera that failed."""
END_S = 0.1
"""How long `stop` waits for a camera to be closed properly. One that hangs in its driver is left behind."""

MOST_LEFT_BEHIND = 3
"""With this many threads hanging in a camera, it is not opened again until one of them returns."""

Phase = Literal["opening", "open", "lost", "ended", "failed"]


@dataclass(frozen=True)
class CaptureState:
    """The state of the camera.

    Attributes:
        phase: "opening" at first; "open" while frames are read; "lost" until a camera that failed is back; "ended"
            after the last frame of a file or after `stop`; "failed" if the camera could not be opened, or is not opened
            again.
        message: A sentence for the user; empty if there is nothing to say.
    """

    phase: Phase
    message: str = ""


class Capture:
    """Reads a camera into a slot of one frame.

        capture = Capture(camera, accounting)
        capture.start()
        frame = capture.frames.take(timeout_s=1)
        capture.stop()

    Frames are numbered from 0, without starting over when a lost camera returns; each number was counted as captured.
    The slot is closed after the last frame.

    Args:
        camera: Opened and read in a thread that ends when `read` returns.
        accounting: Counts the frames.
        on_change: Called from a thread at every change of `state`.
        retry_s: Seconds from one attempt to open a lost camera to the next.

    Attributes:
        frames: The newest frame.
        error: Why the capture failed; None if it has not.
    """

    def __init__(
        self,
        camera: Camera,
        accounting: Accounting,
        on_change: Callable[[CaptureState], None] = lambda _state: None,
        *,
        retry_s: float = RETRY_S,
    ) -> None:
        self.frames: Latest[CameraFrame] = Latest()
        self.error: Exception | None = None
        self._camera, self._accounting, self._on_change, self._retry_s = camera, accounting, on_change, retry_s
        self._state = CaptureState("opening")
        self._lock = Lock()
        self._reader: CameraReader | None = None
        self._left_behind: list[CameraReader] = []
        self._stream: CameraStream | None = None
        self._count = 0
        # How a reader ended, or None to stop.
        self._events: SimpleQueue[tuple[CameraReader, Ending] | None] = SimpleQueue()
        self._is_stopping = False
        self._thread = Thread(target=self._run, name="fomm-rt capture", daemon=True)

    @property
    def state(self) -> CaptureState:
        """The state of the camera."""
        return self._state

    @property
    def interval_s(self) -> float:
        """Seconds between two frames of the camera as last opened; 1/30 before that."""
        return 1 / 30 if self._stream is None else self._stream.interval_s

    @property
    def description(self) -> str:
        """Name, size, rate and format of the camera as last opened; its name before that."""
        return self._camera.name if self._stream is None else self._stream.description

    def start(self) -> None:
        """Starts to open and read the camera; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends within 200 ms in every state of the camera; may be called again."""
        self._is_stopping = True
        self._events.put(None)
        if self._thread.is_alive() and self._thread is not current_thread():
            self._thread.join(END_S + 0.05)
        self.frames.close()

    def _run(self) -> None:
        try:
            while not self._is_over(self._read()):
                self._pause()
        finally:
            self.frames.close()

    def _read(self) -> Ending:
        """Opens and reads the camera until it ends, fails, stalls or is stopped; returns why."""
        reader = CameraReader(
            self._camera, self._opened, self._deliver, lambda ending: self._events.put((reader, ending))
        )
        self._reader = reader
        reader.thread.start()
        while not self._is_stopping:
            left_s = reader.left_s()
            if left_s is not None and left_s <= 0:
                return self._leave_behind(reader)
            try:
                event = self._events.get(timeout=left_s)
            except Empty:
                continue
            if event is not None and event[0] is reader:
                return event[1]
        reader.thread.join(END_S)
        return None

    def _leave_behind(self, reader: CameraReader) -> Ending:
        with self._lock:
            self._reader = None  # from now on its frames are refused
        self._left_behind.append(reader)
        return reader.complaint()

    def _is_over(self, ending: Ending) -> bool:
        """Sets the state after an ending; returns False if the camera is to be opened again."""
        if ending is None or self._is_stopping:
            self._change(CaptureState("ended"))
            return True
        if self._stream is not None and self._camera.reconnects and isinstance(ending, FommError):
            self._change(CaptureState("lost", str(ending)))
            return False
        self.error = ending
        self._change(CaptureState("failed", first_line(ending)))
        return True

    def _pause(self) -> None:
        """Waits before the next attempt, and as long as too many threads hang in the camera."""
        until_s = perf_counter() + self._retry_s
        while not self._is_stopping:
            left_s = until_s - perf_counter()
            self._left_behind = [reader for reader in self._left_behind if reader.thread.is_alive()]
            if left_s <= 0 and len(self._left_behind) < MOST_LEFT_BEHIND:
                return
            with suppress(Empty):
                self._events.get(timeout=left_s if left_s > 0 else self._retry_s)

    def _opened(self, reader: CameraReader, stream: CameraStream) -> None:
        if reader is self._reader:
            self._stream = stream

    def _deliver(self, reader: CameraReader, frame: CameraFrame, new: int) -> bool:
        """Takes a frame, the last of `new` ones; returns False if the reader must stop."""
        with self._lock:
            if reader is not self._reader or self._is_stopping:
                return False
            for _ in range(new):
                self._accounting.captured(frame.captured_s)
            self._count += new
            self.frames.put(CameraFrame(self._count - 1, frame.captured_s, frame.pixels))
        if self._state.phase != "open":
            self._change(CaptureState("open"), reader)
        return True

    def _change(self, state: CaptureState, reader: CameraReader | None = None) -> None:
        """Reports a change once, however often the camera fails in the same way.

        Reports of readers that were left behind are ignored.
        """
        with self._lock:
            if reader is not None and reader is not self._reader:
                return
            before, self._state = self._state, state
        if state == before:
            return
        if state.phase == "lost":
            _logger.warning("%s", state.message)
        elif state.phase == "open" and before.phase == "lost":
            _logger.info("%s is back", self._camera.name)
        self._on_change(state)
