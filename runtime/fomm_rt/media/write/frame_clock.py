"""Converts frame times to the whole ticks that a container stores."""

from fractions import Fraction

from fomm_rt.media.timing import FALLBACK_RATE, Timing

# The offset to the sound is kept at this resolution or finer.
_FINEST_TICKS_PER_SECOND = 10_000

GIF_TICK = Fraction(1, 100)
# Browsers show a frame of one tick for ten.
_SHORTEST_GIF_TICKS = 2


class FrameClock:
    """Assigns each frame its timestamp, strictly increasing and without drift.

    At a constant rate a frame lasts a whole number of ticks, so the rate read back is exactly the rate written; a frame
    missing in the input leaves a gap. Varying timestamps are kept unchanged.

    Attributes:
        time_base: Seconds per tick.
        is_varying: True if not all frames have the same duration.
        typical_rate: Frames per second, for headers and rate control; exact if the rate is constant.
    """

    def __init__(self, timing: Timing) -> None:
        self._rate = timing.rate
        if timing.rate is not None:
            per_second = timing.rate.numerator
            per_second *= -(-_FINEST_TICKS_PER_SECOND // per_second)
            self.time_base = Fraction(1, per_second)
            self._frame_ticks = int(per_second / timing.rate)
            self.typical_rate = timing.rate
        else:
            self.time_base = timing.time_base
            self._frame_ticks = 1
            self.typical_rate = _mean_rate(timing)
        self.is_varying = timing.rate is None or timing.last_duration is not None
        self._timing = timing
        self._origin: tuple[Fraction, int] | None = None
        self._previous: int | None = None
        self._step = 0
        self._count = 0

    def stamp(self, time: Fraction) -> int:
        """Returns the timestamp in ticks of the next frame, shown at `time` seconds from the start of the input."""
        if self._origin is None:
            self._origin = time, max(0, round(time / self.time_base))
        start, base = self._origin
        elapsed = time - start
        if self._rate is not None:
            ticks = base + round(elapsed * self._rate) * self._frame_ticks
        else:
            ticks = base + round(elapsed / self.time_base)
        if self._previous is not None:
            ticks = max(ticks, self._previous + self._frame_ticks)
            self._step = ticks - self._previous
        self._previous = ticks
        self._count += 1
        return ticks

    def last_duration(self) -> int:
        """Returns the ticks that the latest frame is shown if no other follows."""
        known = self._timing.last_duration_after(self._count)
        if known is not None:
            return max(self._frame_ticks, round(known / self.time_base))
        if self._rate is not None:
            return self._frame_ticks
        return self._step or max(1, round(1 / (self.typical_rate * self.time_base)))


def _mean_rate(timing: Timing) -> Fraction:
    if timing.frame_count and timing.duration:
        return (timing.frame_count / timing.duration).limit_denominator(1001)
    return FALLBACK_RATE


class GifClock:
    """Assigns each frame of a GIF its time, in hundredths of a second from the first frame, without drift.

    `late_s` are the seconds that the latest frame is shown later than in the input.
    """

    def __init__(self, timing: Timing) -> None:
        self.time_base = GIF_TICK
        self.late_s = Fraction(0)
        self._timing = timing
        self._start = self._latest = self._step = Fraction(0)
        self._ticks = -_SHORTEST_GIF_TICKS
        self._count = 0

    def stamp(self, time: Fraction) -> int:
        """Returns the timestamp in ticks of the next frame, shown at `time` seconds."""
        if self._count == 0:
            self._start = time
        self._step, self._latest = time - self._latest, time
        self._ticks = max(round((time - self._start) / GIF_TICK), self._ticks + _SHORTEST_GIF_TICKS)
        self.late_s = self._ticks * GIF_TICK - (time - self._start)
        self._count += 1
        return self._ticks

    def last_duration(self) -> int:
        """Returns the ticks that the latest frame is shown if no other follows."""
        duration = self._timing.last_duration_after(self._count)
        if duration is None:
            duration = 1 / self._timing.rate if self._timing.rate else self._step or 1 / FALLBACK_RATE
        end = self._latest - self._start + duration
        return max(_SHORTEST_GIF_TICKS, round(end / GIF_TICK) - self._ticks)
