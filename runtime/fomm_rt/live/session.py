"""A live session: a camera drives an avatar, and outputs show it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter

from typing_extensions import override

from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars
from fomm_rt.errors import FommError, StateError
from fomm_rt.faces.framing import AnyFraming, FaceFraming
from fomm_rt.live.animation_loop import AnimationLoop
from fomm_rt.live.avatars import Avatar, Gallery
from fomm_rt.live.board import Board
from fomm_rt.live.cameras.protocol import Camera
from fomm_rt.live.capture import Capture, CaptureState
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Control, Thumbnail
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.engine import Engine
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.numbers import Accounting, Numbers
from fomm_rt.live.outputs.protocol import Output
from fomm_rt.live.outputs.runner import OutputRunner
from fomm_rt.live.report import LiveReport
from fomm_rt.live.threads import ENGINE

_log = logging.getLogger("fomm_rt")

SLICE_S = 0.1
"""Longest wait at a time for the end of the session."""
FRAME_END_S, ENGINE_END_S, PRIMARY_END_S, END_S = 0.04, 0.08, 0.12, 0.18
"""Deadlines after the end of a session is requested: for the frame that is being animated to finish, for its
interruption, for the primary output to close, and for everything else. Threads that miss it are left behind."""


class LiveSession(Control):
    """Animates avatars with a camera until it is ended.

        with Animator.load() as animator:
            session = LiveSession(animator, choose_camera("0"), [Window()])
            report = session.run()

    A program can pass its own camera and outputs: see `Camera` and `Output`. A session runs once.

    Args:
        animator: The model. It belongs to the session until `run` returns.
        camera: Where frames come from.
        outputs: Where results go. The first is the primary one: frames that it has presented count as shown.
        avatars: Folders and pictures; the bundled avatars by default.
        avatar_framing: The square of a picture of an avatar to use.
        state: The initial settings.
        finds_faces: False to animate every frame, with or without a face, with the centred square.
        snapshot: Called with the shown frame at the command "snapshot"; returns a message for the user.
        say: Called with messages; warnings go to the log.
    """

    def __init__(
        self,
        animator: Animator,
        camera: Camera,
        outputs: Sequence[Output] = (),
        *,
        avatars: Sequence[str | PathLike[str]] = (),
        avatar_framing: AnyFraming | None = None,
        state: LiveState | None = None,
        finds_faces: bool = True,
        snapshot: Callable[[LiveFrame], str] | None = None,
        say: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        manifest = animator.manifest
        self._animator = animator
        self._snapshot = snapshot
        self._say = say
        self._board = Board(state or LiveState(), self._wake)
        self._gallery = Gallery(
            [Path(path) for path in avatars] or bundled_avatars(),
            animator.size,
            avatar_framing or FaceFraming(),
            manifest.face_margin,
            first=self._board.state.avatar,
            on_change=lambda: self._board.set_avatars(self._gallery.avatars),
            say=self._tell,
        )
        self._board.set_avatars(self._gallery.avatars, is_first=True)
        self._accounting = Accounting()
        self._capture = Capture(camera, self._accounting, self._camera_changed)
        self._loop = AnimationLoop(
            Engine(animator, self._board.say, finds_faces=finds_faces),
            self._capture.frames,
            self._board,
            has_room=lambda: all(runner.has_room for runner in self._runners),
            deliver=self._deliver,
        )
        self._runners = [OutputRunner(output, self, self) for output in outputs]
        if sum(runner.needs_main_thread for runner in self._runners) > 1:
            raise StateError("expected at most one output that needs the main thread, such as a window")
        self._ends: SimpleQueue[str] = SimpleQueue()
        self._ended_by: str | None = None
        self._error: Exception | None = None
        self._engine_thread = Thread(target=self._animate_all, name=ENGINE, daemon=True)
        self._end_began_s: float | None = None
        self._capture_end = Thread(target=self._capture.stop, name="fomm-rt end of capture", daemon=True)

    @property
    @override
    def state(self) -> LiveState:
        return self._board.state

    @override
    def send(self, command: Command) -> None:
        if command.name == "quit":
            self.end()
        elif command.name == "reload-avatars":
            self._gallery.look_again()
        elif command.name == "snapshot":
            self._take_snapshot()
        elif command.name == "record" and not any(runner.output.records for runner in self._working()):
            self._board.say("This session has no output that records.")
        else:
            self._board.send(command)

    @override
    def numbers(self) -> Numbers:
        return self._accounting.numbers(perf_counter())

    @override
    def messages(self) -> Sequence[str]:
        return self._board.messages()

    @override
    def thumbnails(self) -> Sequence[Thumbnail]:
        return [avatar.thumbnail for avatar in self._board.avatars]

    @property
    @override
    def backend(self) -> str:
        return self._animator.backend.device

    @property
    def is_engine_busy(self) -> bool:
        """True if `run` has returned although a frame is still being animated: the animator must not be closed then."""
        return self._engine_thread.is_alive()

    def end(self, reason: str = "quit") -> None:
        """Ends the session; may be called from any thread and from a signal handler. `reason` is a key of ENDINGS."""
        # A signal handler may have interrupted any code, so no lock is taken here.
        self._ends.put(reason)

    def run(self, duration_s: float | None = None) -> LiveReport:
        """Runs the session in this thread, for `duration_s` seconds or until it is ended.

        With a window, this must be the main thread. Returns within 200 ms after an end.

        Raises:
            OutputError: The primary output failed.
            BackendError, ModelError: The model failed.
            CameraError: The camera cannot be opened, and it is not one that can return.
        """
        end_s = None if duration_s is None else perf_counter() + duration_s
        main = next((runner for runner in self._runners if runner.needs_main_thread), None)
        try:
            self._gallery.start()
            for runner in self._runners:
                if runner is not main:
                    runner.start()
            self._engine_thread.start()
            self._capture.start()
            if main is None:
                self._wait(end_s)
            else:
                self._watch_while(main, end_s)
        finally:
            self._stop()
        if self._error is not None:
            raise self._error
        numbers = self._accounting.numbers(perf_counter(), is_over=True)
        primary = self._runners[0].output.name if self._runners else None
        return LiveReport(numbers, self._animator.backend, self._ended_by or "quit", primary)

    def presented(self, runner: OutputRunner, frame: LiveFrame, presented_s: float) -> None:
        """Counts a frame that the primary output has presented, and hands it to the recordings."""
        if runner is not self._runners[0] or frame.sequence is None:
            return
        self._accounting.shown(frame, presented_s, self._capture.interval_s)
        for other in self._runners[1:]:
            if other.output.records:
                other.put(frame)

    def failed(self, runner: OutputRunner, error: Exception) -> None:
        """Continues without an output, unless it is the primary one or its reader is gone."""
        if isinstance(error, BrokenPipeError):
            self.end("reader")
        elif runner is self._runners[0] or not isinstance(error, FommError):
            self._fail(error)
        else:
            self._tell(str(error))
        if runner.output.records and runner.has_failed:
            self._board.send(Command("record", False))

    def wait_for_recordings(self, timeout_s: float) -> bool:
        """Waits, after `run`, for recordings on a slow disk; returns False if one is still being written."""
        end_s = perf_counter() + timeout_s
        recordings = [runner for runner in self._runners if runner.output.records]
        have_ended = [runner.wait(max(end_s - perf_counter(), 0)) for runner in recordings]
        return all(have_ended)

    def _animate_all(self) -> None:
        try:
            self._loop.run()
        except Exception as error:
            if self._end_began_s is None:  # an interrupted frame fails
                self._fail(error)
        else:
            if self._capture.error is None:
                self.end("camera")
            else:
                self._fail(self._capture.error)

    def _working(self) -> list[OutputRunner]:
        return [runner for runner in self._runners if not runner.has_failed]

    def _deliver(self, frame: LiveFrame, avatar: Avatar) -> None:
        self._gallery.keep(avatar)
        for runner in self._runners:
            is_primary = runner is self._runners[0]
            if runner.output.records and (not is_primary or frame.sequence is None):
                continue
            runner.put(frame)
        if not self._runners and frame.sequence is not None:
            self._accounting.shown(frame, perf_counter(), self._capture.interval_s)

    def _take_snapshot(self) -> None:
        frame, snapshot = self._loop.last, self._snapshot
        if snapshot is None:
            self._board.say("This session saves no pictures.")
        if frame is None or snapshot is None:
            return

        def write() -> None:
            try:
                self._board.say(snapshot(frame))
            except (FommError, OSError) as error:
                self._tell(str(error))

        Thread(target=write, name="fomm-rt snapshot", daemon=True).start()

    def _camera_changed(self, state: CaptureState) -> None:
        """Shows the problem of the camera until it is solved."""
        self._board.set_lasting("camera", state.message or None)
        if state.phase == "open":
            self._say(f"camera: {self._capture.description}")

    def _tell(self, sentence: str) -> None:
        """Shows a message in the window and in the log."""
        _log.warning("%s", sentence)
        self._board.say(sentence)

    def _wake(self) -> None:
        for runner in getattr(self, "_runners", ()):
            runner.wake()

    def _wait(self, end_s: float | None) -> None:
        """Waits for an end, in slices: on Windows, Ctrl-C does not interrupt a longer wait."""
        while self._ended_by is None:
            left_s = SLICE_S if end_s is None else min(end_s - perf_counter(), SLICE_S)
            try:
                self._ended_by = self._ends.get(timeout=max(left_s, 0))
            except Empty:
                if end_s is not None and perf_counter() >= end_s:
                    self._ended_by = "duration"
        self._begin_end()

    def _watch_while(self, main: OutputRunner, end_s: float | None) -> None:
        """Runs the window in this thread; another thread waits for the end and wakes the window."""

        def wait() -> None:
            self._wait(end_s)
            main.tell_to_end()

        waiting = Thread(target=wait, name="fomm-rt end", daemon=True)
        waiting.start()
        try:
            main.run()
        finally:
            self._ends.put("quit")
            waiting.join()

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self.end("failure")

    def _begin_end(self) -> float:
        """Asks all threads except those of the outputs to end; returns the time."""
        if self._end_began_s is None:
            self._end_began_s = perf_counter()
            self._gallery.stop()
            self._capture.frames.close()
            self._capture_end.start()
        return self._end_began_s

    def _stop(self) -> None:
        """Ends all threads; those stuck in native code are left behind."""
        start_s = self._begin_end()
        self._end_engine(start_s)
        # The primary output first: frames that it still shows belong in the recordings.
        self._end_outputs(self._runners[:1], start_s + PRIMARY_END_S)
        self._end_outputs(self._runners[1:], start_s + END_S)
        for thread in (self._capture_end, self._gallery):
            thread.join(max(start_s + END_S - perf_counter(), 0))

    def _end_engine(self, start_s: float) -> None:
        if self._engine_thread.ident is None:  # it was not started
            return
        self._engine_thread.join(max(start_s + FRAME_END_S - perf_counter(), 0))
        while self._engine_thread.is_alive() and perf_counter() < start_s + ENGINE_END_S:
            self._animator.interrupt()
            self._engine_thread.join(0.005)

    @staticmethod
    def _end_outputs(runners: Sequence[OutputRunner], end_s: float) -> None:
        for runner in runners:
            runner.tell_to_end()
        for runner in runners:
            if not runner.wait(max(end_s - perf_counter(), 0)):
                _log.warning("%s does not end and is left behind", runner.output.name)
