"""A fake running session for outputs, and frames that carry their number in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command, changed
from fomm_rt.live.controls.control import Control, Thumbnail
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import Driver, LiveFrame
from fomm_rt.live.numbers import Numbers

BITS = 8


class FakeControl(Control):
    """Carries commands out at once, and remembers them."""

    def __init__(self, state: LiveState | None = None, thumbnails: Sequence[Thumbnail] = ()) -> None:
        self._state = state or LiveState()
        self.sent: list[Command] = []
        self._thumbnails = thumbnails

    @property
    def state(self) -> LiveState:
        return self._state

    def send(self, command: Command) -> None:
        self.sent.append(command)
        self._state = changed(self._state, command)

    def numbers(self) -> Numbers:
        return Numbers()

    def messages(self) -> Sequence[str]:
        return []

    def thumbnails(self) -> Sequence[Thumbnail]:
        return self._thumbnails

    @property
    def backend(self) -> str:
        return "fake"


def numbered_picture(number: int, width: int = 64, height: int = 64) -> Image:
    """A picture (height, width, 3) whose eight bars show a number: white for 1, the highest bit on the left."""
    bars = np.array([[number >> bit & 1 for bit in reversed(range(BITS))]], np.uint8) * 215 + 20
    row = cv2.resize(bars, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.repeat(row[..., None], 3, axis=2)


def number_in(picture: Image) -> int:
    """Reads the number that `numbered_picture` drew, also enlarged or coded."""
    row = picture[picture.shape[0] // 2].mean(axis=1)
    centres = (np.arange(BITS) + 0.5) * len(row) / BITS
    return int("".join("1" if row[int(x)] > 128 else "0" for x in centres), 2)


def live_frame(picture: Image, sequence: int = 0, captured_s: float = 0.0, driver: Driver = "face") -> LiveFrame:
    """A frame that shows a picture."""
    return LiveFrame(sequence, captured_s, picture, driver, picture, picture)


def numbered_frame(number: int, captured_s: float, width: int = 64, height: int = 64) -> LiveFrame:
    """A frame that shows its number."""
    return live_frame(numbered_picture(number, width, height), number, captured_s)
