"""When a frame was taken, on the clock of `time.perf_counter`."""

from __future__ import annotations

LARGEST_AGE_S = 5.0
"""A stamp that makes a frame older than this comes from another clock."""
CLOCKS_AGREE_S = 0.001


class CaptureClock:
    """Converts the timestamps of a camera to times of `time.perf_counter`.

    Drivers on Linux stamp frames with the same clock. Other timestamps only give the distance between frames: a frame
    that was waited for counts from its arrival, one that waited in a buffer from the time it should have arrived.

        captured = stamp                                          if the clocks agree
        captured = arrival                                        of a frame that was waited for
        captured = stamp + (arrival − stamp) of the latest one    that was waited for, otherwise

    So stamps that run too fast or too slow, such as mere frame counts, do no harm.

    `is_monotonic` is True if stamps are meant to be on the same clock; the first one decides whether they are.
    """

    def __init__(self, *, is_monotonic: bool) -> None:
        self._agrees: bool | None = None if is_monotonic else False
        self._punctual_lag_s: float | None = None
        self.late_s = 0.0
        """How much later the latest frame arrived than a frame that was waited for."""

    def captured_s(self, stamp_s: float | None, arrived_s: float, *, has_waited: bool) -> float:
        """Seconds at which a frame was taken.

        Args:
            stamp_s: Its timestamp in seconds of any clock; None if it has none.
            arrived_s: When it arrived.
            has_waited: True if the reader had to wait for it.
        """
        if stamp_s is None:
            self.late_s = 0.0
            return arrived_s
        lag_s = arrived_s - stamp_s
        if self._agrees is None:
            self._agrees = -CLOCKS_AGREE_S <= lag_s <= LARGEST_AGE_S
        if has_waited or self._punctual_lag_s is None or not 0 <= lag_s - self._punctual_lag_s <= LARGEST_AGE_S:
            self._punctual_lag_s = lag_s
        self.late_s = lag_s - self._punctual_lag_s
        return min(stamp_s, arrived_s) if self._agrees else arrived_s - self.late_s
