"""From the times of frames to the whole ticks that a container stores."""

from fractions import Fraction

from fomm_rt.media.timing import Timing

# A frame's offset to the sound is kept to this many ticks a second or better.
_FINEST_TICKS_PER_SECOND = 10_000


class FrameClock:
    """Assigns each frame its timestamp, strictly increasing and without drift.

    At a constant rate a frame lasts a whole number of ticks, so that the rate read back is exactly the rate
    written; a frame missing in the input leaves its gap. Where timestamps vary they are kept as they are.

    Attributes:
        time_base: Seconds per tick.
        is_varying: Whether frames last differently long.
        typical_rate: Frames per second, for headers and rate control; exact where the rate is constant.
    """

    time_base: Fraction
    typical_rate: Fraction
    is_varying: bool

    def __init__(self, timing: Timing) -> None:
        """Chooses the tick.

        Args:
            timing: The timing of the input.
        """
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
        """Returns the timestamp of the next frame, in ticks.

        Args:
            time: Seconds from the start of the input's container.
        """
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
        """Returns how long the latest frame is shown if no other follows, in ticks."""
        known = self._timing.last_duration_after(self._count)
        if known is not None:
            return max(self._frame_ticks, round(known / self.time_base))
        if self._rate is not None:
            return self._frame_ticks
        return self._step or max(1, round(1 / (self.typical_rate * self.time_base)))


def _mean_rate(timing: Timing) -> Fraction:
    if timing.frame_count and timing.duration:
        return (timing.frame_count / timing.duration).limit_denominator(1001)
    return Fraction(25)
