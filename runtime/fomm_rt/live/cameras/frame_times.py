"""Capture times and interval of the frames of a stream, and which of them arrived late."""

from __future__ import annotations

import statistics
from collections import deque
from fractions import Fraction
from time import perf_counter, sleep

from fomm_rt.live.cameras.capture_clock import CaptureClock

FALLBACK_FPS = 30
INTERVALS = 30
"""The interval is the median of this many, so a lost frame does not change it."""
WAITED_S = 0.002
"""If reading a packet takes longer, it had to wait for the packet."""


class FrameTimes:
    """Follows the timestamps of a stream.

    Args:
        clock: For the timestamps of this camera.
        time_base: Seconds per tick of the timestamps; None if they are meaningless.
        fps: The rate that the stream declares; None if it does not.
        is_paced: True to wait until each frame is due, because the sender does not.

    Attributes:
        interval_s: Seconds between two frames: at first as declared, then as measured.
    """

    def __init__(
        self, clock: CaptureClock, time_base: Fraction | None, fps: Fraction | None, *, is_paced: bool = False
    ) -> None:
        self._clock, self._time_base, self._is_paced = clock, time_base, is_paced
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self._latest_s: float | None = None
        # Stamp and time of the first frame of a paced stream.
        self._begin: tuple[float, float] | None = None
        self._asked_s = 0.0
        self._is_told = fps is not None
        self.interval_s = float(1 / (fps or FALLBACK_FPS))

    @property
    def is_rate_known(self) -> bool:
        """True if the interval is more than a guess."""
        return self._is_told or len(self._intervals) == INTERVALS

    @property
    def is_late(self) -> bool:
        """True if the next frame has arrived already, or is due."""
        return self._clock.late_s > self.interval_s

    def ask(self) -> float:
        """Notes that a packet is requested now; returns the time."""
        self._asked_s = perf_counter()
        return self._asked_s

    def captured_s(self, ticks: int | None, arrived_s: float) -> float:
        """The capture time of the latest requested frame, which has the stamp `ticks` and arrived at `arrived_s`."""
        stamp_s = None if ticks is None or self._time_base is None else float(ticks * self._time_base)
        if stamp_s is not None and self._is_paced:
            arrived_s = self._wait_until_due(stamp_s, arrived_s)
        self._measure(arrived_s if stamp_s is None else stamp_s)
        return self._clock.captured_s(stamp_s, arrived_s, has_waited=arrived_s - self._asked_s > WAITED_S)

    def _wait_until_due(self, stamp_s: float, arrived_s: float) -> float:
        self._begin = self._begin or (stamp_s, arrived_s)
        due_s = self._begin[1] + stamp_s - self._begin[0]
        sleep(max(0.0, due_s - arrived_s))
        return max(due_s, arrived_s)

    def _measure(self, time_s: float) -> None:
        if self._latest_s is not None and time_s > self._latest_s:
            self._intervals.append(time_s - self._latest_s)
            if len(self._intervals) == INTERVALS:
                self.interval_s = statistics.median(self._intervals)
        self._latest_s = time_s
