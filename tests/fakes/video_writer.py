"""A video writer that keeps frames in memory and can fail."""

from __future__ import annotations

import threading
from fractions import Fraction

from fomm_rt.errors import OutputError
from fomm_rt.image import Image


class FakeWriter:
    """Keeps the frames, which H.264 would change.

    Args:
        fails_at: Number of the frame that cannot be written, if any.

    Attributes:
        frames: Copies of the frames written.
        left_out: As in `FrameWriter`.
        threads_at_the_end: Threads alive when the context was left.
    """

    def __init__(self, fails_at: int | None = None) -> None:
        self.frames: list[Image] = []
        self.left_out: list[str] = []
        self.threads_at_the_end = 0
        self._fails_at = fails_at

    def __enter__(self) -> FakeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.threads_at_the_end = threading.active_count()

    def write(self, pixels: Image, _time: Fraction) -> None:
        """Keeps a copy.

        Raises:
            OutputError: For frame number `fails_at`.
        """
        if len(self.frames) == self._fails_at:
            raise OutputError("no space left")
        self.frames.append(pixels.copy())

    def commit(self) -> None:
        """Makes sure that no frame failed."""
        assert self._fails_at is None, "a frame is missing"
