"""Watches a session for the window: changes, numbers twice a second, notices that fade."""

from __future__ import annotations

from fomm_rt.live.controls.control import Control
from fomm_rt.live.controls.notices import notice_of
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.numbers import Numbers
from fomm_rt.live.outputs.window.overlay import Scene

NUMBERS_INTERVAL_S = 0.5
NOTICE_S = 1.6


class Observer:
    """Describes what a window shows at a time."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._state = control.state
        self._numbers: Numbers | None = None
        self._numbers_until_s = 0.0
        self._notice: str | None = None
        self._notice_until_s = 0.0

    def scene(
        self, size: tuple[int, int], pixel_ratio: float, frame: LiveFrame | None, page: int | None, now_s: float
    ) -> Scene:
        """The scene to draw; equal to the last one if nothing has changed."""
        state = self._control.state
        notice = None if state is self._state else notice_of(self._state, state)
        self._state = state
        if notice is not None:
            self._notice, self._notice_until_s = notice, now_s + NOTICE_S
        elif now_s >= self._notice_until_s:
            self._notice = None
        if not state.shows_numbers or frame is None:
            self._numbers, self._numbers_until_s = None, 0.0
        elif now_s >= self._numbers_until_s:
            self._numbers, self._numbers_until_s = self._control.numbers(), now_s + NUMBERS_INTERVAL_S
        return Scene(
            *size,
            pixel_ratio,
            state,
            None if frame is None else frame.driver,
            self._numbers,
            self._control.backend,
            tuple(self._control.messages()),
            self._notice,
            tuple(self._control.thumbnails()),
            page,
        )
