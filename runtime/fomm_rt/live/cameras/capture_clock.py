"""When a frame was taken, on the clock of `time.perf_counter`."""

from __future__ import annotations

WINDOW_S = 10.0
LARGEST_AGE_S = 5.0
"""A stamp that makes a frame older than this is taken for one of another clock."""
CLOCKS_AGREE_S = 0.001


class CaptureClock:
    """Turns the time stamps of a camera into times of `time.perf_counter`.

    Drivers on Linux stamp frames with that very clock. The offset of any other clock is that of the frame with the
    least delay of the last ten to twenty seconds, so a frame that waited somewhere counts from when it should have
    come. Without stamps, a frame counts from its arrival.

        captured = stamp                                    if the clocks agree
        captured = stamp + min(arrival − stamp)             otherwise

    `is_monotonic` is True if stamps are meant to be on the same clock; the first one decides whether they are.
    """

    def __init__(self, *, is_monotonic: bool) -> None:
        self._agrees: bool | None = None if is_monotonic else False
        # The least lag of this window and of the one before it. Older ones are forgotten, because clocks drift.
        self._least_lag_s = self._earlier_lag_s = float("inf")
        self._window_end_s = float("-inf")
        self.late_s = 0.0
        """By how much the latest frame came later than the most punctual one."""

    def captured_s(self, stamp_s: float | None, arrived_s: float) -> float:
        """Seconds at which a frame was taken that carries `stamp_s` and arrived at `arrived_s`."""
        if stamp_s is None:
            self.late_s = 0.0
            return arrived_s
        lag_s = arrived_s - stamp_s
        if self._agrees is None:
            self._agrees = -CLOCKS_AGREE_S <= lag_s <= LARGEST_AGE_S
        self._note(lag_s, arrived_s)
        self.late_s = lag_s - self._offset_s
        return min(stamp_s, arrived_s) if self._agrees else arrived_s - self.late_s

    @property
    def _offset_s(self) -> float:
        return min(self._least_lag_s, self._earlier_lag_s)

    def _note(self, lag_s: float, arrived_s: float) -> None:
        if lag_s - self._offset_s > LARGEST_AGE_S:
            # The camera set its clock anew.
            self._earlier_lag_s = self._least_lag_s = lag_s
        elif arrived_s >= self._window_end_s:
            self._earlier_lag_s, self._least_lag_s = self._least_lag_s, lag_s
            self._window_end_s = arrived_s + WINDOW_S
        self._least_lag_s = min(self._least_lag_s, lag_s)
