"""A part of a clip: which frames it has, and when they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fomm_rt.errors import MediaError
from fomm_rt.media.timing import FALLBACK_RATE, Timing

RESOLUTION = Fraction(1, 1000)
"""Starts and durations, in seconds, are rounded to this; so are the times in many containers."""

Seconds = float | Fraction


@dataclass(frozen=True)
class Part:
    """A part of a clip. Times of its frames count from its start.

    Attributes:
        start, end: In seconds from the start of the clip; `end` is None if the rest of the clip is the part.
        timing: When its frames are shown.
        first: The time of its first frame, in seconds from the start of the clip.
        tolerance: Half a frame at a constant rate, because containers round times; else 0.
    """

    start: Fraction
    end: Fraction | None
    timing: Timing
    first: Fraction
    tolerance: Fraction

    def is_before(self, time: Fraction) -> bool:
        """True if the frame at a time comes before the part."""
        return time < self.first - self.tolerance

    def is_behind(self, time: Fraction) -> bool:
        """True if the frame at a time comes behind the part."""
        return self.end is not None and time >= self.end - self.tolerance

    def time_of(self, time: Fraction) -> Fraction:
        """Seconds from the start of the part, for a frame at `time` seconds from the start of the clip."""
        # The first frame of the part may already be shown when the part begins.
        return max(Fraction(0), time - self.start)


def seconds(name: str, value: Seconds) -> Fraction:
    """Rounds a start or a duration to the resolution.

    Raises:
        MediaError: It is negative or not finite.
    """
    if not 0 <= value < 1e9:
        raise MediaError(f"{name}: expected seconds from 0; got {value}")
    return round(Fraction(value) / RESOLUTION) * RESOLUTION


def find_part(
    path: Path, times: Iterable[Fraction], timing: Timing, start: Fraction, duration: Fraction | None
) -> Part:
    """Finds a part of a clip.

    The part begins with the frame that is on the screen at `start`. At a constant rate it begins when that frame does,
    and has the whole number of frames nearest to `duration`, so every frame keeps its full time. If times vary, it
    begins and ends at the tick, and the frames at both ends are shown for the part of their time that lies inside.

    Args:
        path: The clip, for messages.
        times: When the frames of the clip are shown, increasing, in seconds from its start.
        timing: Of the clip.
        start: Seconds from the start of the clip.
        duration: Seconds; None for the rest of the clip.

    Raises:
        MediaError: The start is after the end of the clip, or the duration is 0.
    """
    if duration is not None and duration <= 0:
        raise MediaError(f"{path}: expected a duration from {float(RESOLUTION)} s; got {float(duration):g} s")
    is_constant = timing.rate is not None
    grid = timing.time_base if timing.rate is None else 1 / timing.rate
    tolerance = grid / 2 if is_constant else Fraction(0)
    latest_first = start + min(RESOLUTION, tolerance / 2)
    if duration is not None and is_constant:
        duration = max(1, int(duration / grid + Fraction(1, 2))) * grid
    origin = start
    first = last = step = following = None
    count = 0
    for time in times:
        step = None if last is None else time - last
        if time <= latest_first:
            first, count, origin = time, 1, time + max(Fraction(0), start - time) // grid * grid
        elif duration is not None and time >= origin + duration - tolerance:
            following = time
            break
        else:
            first, count = time if first is None else first, count + 1
        last = time
    if first is None or last is None:
        raise MediaError(f"{path}: no frame begins within {float(start):g} s and the duration; choose a longer one")
    until = following or last + (timing.last_duration or (grid if is_constant else step or 1 / FALLBACK_RATE))
    if until <= origin:
        raise MediaError(f"{path} ends after {float(until):.2f} s; a start at {float(start):g} s is past its end")
    end = None if duration is None else origin + duration
    until = until if end is None else min(end, until)
    last_duration = until - max(origin, last)
    is_held = not is_constant or (following is None and last_duration > grid)
    part_timing = Timing(
        timing.rate, timing.time_base, count, until - max(origin, first), last_duration if is_held else None
    )
    return Part(origin, end, part_timing, first, tolerance)
