"""A fake running session for outputs, and frames that show their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fomm_bench.numbered_pictures import numbered
from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command, changed
from fomm_rt.live.controls.control import Control, Thumbnail
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import Driver, LiveFrame
from fomm_rt.live.numbers import Numbers


class FakeControl(Control):
    """Carries commands out at once, and remembers them.

    Attributes:
        sent: The commands.
        numbers_now, messages_now: What `numbers` and `messages` return.
    """

    def __init__(self, state: LiveState | None = None, thumbnails: Sequence[Thumbnail] = ()) -> None:
        self._state = state or LiveState()
        self.sent: list[Command] = []
        self.numbers_now = Numbers()
        self.messages_now: Sequence[str] = ()
        self._thumbnails = thumbnails

    @property
    def state(self) -> LiveState:
        return self._state

    def send(self, command: Command) -> None:
        self.sent.append(command)
        self._state = changed(self._state, command)

    def numbers(self) -> Numbers:
        return self.numbers_now

    def messages(self) -> Sequence[str]:
        return self.messages_now

    def thumbnails(self) -> Sequence[Thumbnail]:
        return self._thumbnails

    @property
    def backend(self) -> str:
        return "fake"


PERSON = np.full((48, 64, 3), (255, 0, 0), np.uint8)
"""The camera's picture in `live_frame`, which no output may show."""


def live_frame(picture: Image, sequence: int | None = 0, captured_s: float = 0.0, driver: Driver = "face") -> LiveFrame:
    """A frame that shows a picture."""
    return LiveFrame(sequence, captured_s, picture, driver, PERSON, PERSON, view="panel", view_picture=PERSON)


def numbered_frame(number: int, captured_s: float, width: int = 64, height: int = 64) -> LiveFrame:
    """A frame that shows its number."""
    return live_frame(numbered(number, width, height), number, captured_s)
