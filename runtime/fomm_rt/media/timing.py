"""When the frames of a video are shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

FALLBACK_RATE = Fraction(25)
"""Frames per second of a file that does not say."""


@dataclass(frozen=True)
class Timing:
    """When the frames of a video are shown.

    Attributes:
        rate: Frames per second if constant, as an exact fraction; None if timestamps vary.
        time_base: Seconds per tick; every frame time is a whole number of ticks after the first frame's.
        frame_count: Frames that the file holds, of which damaged ones may be skipped; None if unknown.
        duration: Seconds from the start of the first frame to the end of the last; None if unknown.
        last_duration: Seconds that the last frame is shown if timestamps vary, or if it is held for longer than one
            frame of a constant rate; otherwise, and if unknown, None.
    """

    rate: Fraction | None
    time_base: Fraction
    frame_count: int | None = None
    duration: Fraction | None = None
    last_duration: Fraction | None = None

    @classmethod
    def constant(
        cls,
        rate: Fraction,
        frame_count: int | None = None,
        last_duration: Fraction | None = None,
        time_base: Fraction | None = None,
    ) -> Timing:
        """Returns the timing of frames at a constant rate; for the arguments see the attributes."""
        duration = None
        if frame_count is not None:
            duration = frame_count / rate if last_duration is None else (frame_count - 1) / rate + last_duration
        return cls(rate, time_base or 1 / rate, frame_count, duration, last_duration)

    def last_duration_after(self, count: int) -> Fraction | None:
        """Returns `last_duration` if `count` frames are all; if some were not read, the last one is another."""
        return self.last_duration if count == self.frame_count else None
