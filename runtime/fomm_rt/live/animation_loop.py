"""The loop that animates the newest camera frames, in a thread that owns the animator."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from fomm_rt.live.avatars import Avatar
from fomm_rt.live.board import Board
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.engine import Engine
from fomm_rt.live.frames import CameraFrame, LiveFrame
from fomm_rt.live.latest import Latest

IDLE_S = 0.1
"""How long the loop waits for a frame before it checks if another avatar was chosen."""


class AnimationLoop:
    """Animates the chosen avatar with camera frames until their slot is closed.

    Args:
        engine: Animates.
        frames: The newest camera frame.
        board: The settings, and the actions for the engine.
        has_room: Returns False while an output cannot take another frame; then camera frames are dropped.
        deliver: Called with each result and the avatar that it shows.

    Attributes:
        last: The latest result; None before the first.
    """

    def __init__(
        self,
        engine: Engine,
        frames: Latest[CameraFrame],
        board: Board,
        has_room: Callable[[], bool],
        deliver: Callable[[LiveFrame, Avatar], None],
    ) -> None:
        self.last: LiveFrame | None = None
        self._shown: Avatar | None = None
        self._engine = engine
        self._frames = frames
        self._board = board
        self._has_room = has_room
        self._pass_on = deliver

    def run(self) -> None:
        """Animates frames; returns when the slot of frames is closed and empty.

        Raises:
            BackendError, ModelError: As `Engine`.
        """
        self._animate(None)  # the resting avatar, until the camera is open
        while True:
            frame = self._frames.take(IDLE_S)
            if frame is None and self._frames.is_closed:
                return
            self._animate(frame)

    def _animate(self, frame: CameraFrame | None) -> None:
        for action in self._board.actions():
            (self._engine.set_reference if action == "set-reference" else self._engine.set_best_reference)()
        state, avatar = self._board.chosen()
        if frame is None or state.frozen:
            has_changed = avatar is not self._shown and (not state.frozen or self._shown is None)
            if has_changed or self._must_hide_person(state):
                self._deliver(self._engine.rest(avatar, perf_counter()), avatar)
        elif self._has_room():
            self._deliver(self._engine(frame, avatar, state), avatar)

    def _must_hide_person(self, state: LiveState) -> bool:
        """True if the camera's picture is still shown although the user has turned it off."""
        shows_person = self.last is not None and self.last.driver == "passthrough"
        return shows_person and not state.passthrough and state.on_no_face != "passthrough"

    def _deliver(self, frame: LiveFrame, avatar: Avatar) -> None:
        self.last, self._shown = frame, avatar
        self._pass_on(frame, avatar)
