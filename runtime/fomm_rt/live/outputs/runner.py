"""Runs each output of a session in its own thread, so that no output delays another."""

from __future__ import annotations

from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.latest import Latest
from fomm_rt.live.outputs.protocol import MainThreadOutput, Output

Item = TypeVar("Item")

LONGEST_BACKLOG = 64
"""Shown frames that a recording may be behind. Beyond that, the session takes no new frame, so no
shown frame is lost and memory does not grow."""
LONGEST_WAIT_S = 0.05
"""Longest wait of a window, because a thread that cannot wake it may end the session."""


class _Ordered(Latest[Item], Generic[Item]):
    """A slot that keeps every item, for recordings."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: SimpleQueue[Item | None] = SimpleQueue()

    @override
    def put(self, item: Item) -> None:
        self._queue.put(item)

    @override
    def take(self, timeout_s: float | None = 0) -> Item | None:
        if self._is_closed and self._queue.empty():
            return None
        try:
            return self._queue.get(timeout=timeout_s)
        except Empty:
            return None

    @override
    def close(self) -> None:
        self._is_closed = True
        self._queue.put(None)

    def __len__(self) -> int:
        return self._queue.qsize()


class RunnerEvents(Protocol):
    """Events that a session gets from the threads of its outputs."""

    def presented(self, runner: OutputRunner, frame: LiveFrame, presented_s: float) -> None:
        """An output has presented a frame for the first time."""

    def failed(self, runner: OutputRunner, error: Exception) -> None:
        """An output cannot continue. A BrokenPipeError means that its reader is gone."""


class OutputRunner:
    """Hands results to one output.

    Args:
        output: The output.
        control: The session, for the output.
        events: Called in the output's thread.
    """

    def __init__(self, output: Output, control: Control, events: RunnerEvents) -> None:
        self.output = output
        self.has_failed = False
        self._control = control
        self._events = events
        self._slot: Latest[LiveFrame] = _Ordered() if output.records else Latest()
        self._thread: Thread | None = None

    @property
    def needs_main_thread(self) -> bool:
        """True if `run` must be called in the main thread."""
        return isinstance(self.output, MainThreadOutput)

    @property
    def has_room(self) -> bool:
        """False if this is a recording that cannot keep up."""
        return self.has_failed or not isinstance(self._slot, _Ordered) or len(self._slot) < LONGEST_BACKLOG

    def start(self) -> None:
        """Starts the thread of the output."""
        self._thread = Thread(target=self.run, name=f"fomm-rt {self.output.name}", daemon=True)
        self._thread.start()

    def put(self, frame: LiveFrame) -> None:
        """Hands over a frame; returns at once."""
        if not self.has_failed:
            if self.output.records:  # its queue would keep large pictures that it does not need
                frame = replace(frame, camera=frame.picture, driving=frame.picture, view_picture=None)
            self._slot.put(frame)
            self.wake()

    def wake(self) -> None:
        """Makes a window look for changes."""
        if isinstance(self.output, MainThreadOutput):
            self.output.wake()

    def tell_to_end(self) -> None:
        """Makes the output finish the frames that it has, and close."""
        self._slot.close()
        self.wake()

    def wait(self, timeout_s: float) -> bool:
        """Waits for the end of the thread; returns True if it has ended."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def run(self) -> None:
        """Opens the output, presents frames until `tell_to_end`, and closes it; reports failures."""
        try:
            self._open_and_present()
        except Exception as error:  # it ends this thread, and maybe the session, but never silently
            self._fail(error)

    def _open_and_present(self) -> None:
        self.output.open(self._control)
        try:
            self._present_all()
        finally:
            self.output.close()

    def _present_all(self) -> None:
        last: LiveFrame | None = None
        while True:
            frame = self._take(last)
            if frame is not None:
                last = frame
                if self._present(frame):
                    self._events.presented(self, frame, perf_counter())
            elif self._slot.is_closed:
                return
            elif last is not None and self.output.repeat_interval_s is not None:
                self._present(last)

    def _present(self, frame: LiveFrame) -> bool:
        """Presents a frame; returns False if a recording failed, which the user may start again."""
        try:
            self.output.present(frame)
        except OutputError as error:
            if not self.output.records:
                raise
            self._events.failed(self, error)
            return False
        return True

    def _take(self, last: LiveFrame | None) -> LiveFrame | None:
        """The next frame; None when the last one is due again, or at the end."""
        if isinstance(self.output, MainThreadOutput):
            frame = self._slot.take()
            if frame is None and not self._slot.is_closed:
                self.output.wait(LONGEST_WAIT_S)
                frame = self._slot.take()
            return frame
        return self._slot.take(None if last is None else self.output.repeat_interval_s)

    def _fail(self, error: Exception) -> None:
        self.has_failed = True
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            error = OutputError(f"{self.output.name}: {error.strerror or error}")
        self._events.failed(self, error)
