"""Delivers pictures when they are due, as a camera would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter, sleep

from fomm_rt.errors import CameraError, MediaError
from fomm_rt.image import Image
from fomm_rt.live.frames import CameraFrame

LONGEST_SILENCE_S = 0.25
"""A picture that is shown longer is repeated, as a camera would: otherwise the avatar would not react meanwhile."""
LARGEST_DELAY_S = 0.25
"""If reading is later than this, because it is too slow or the machine slept, all later pictures are delayed too."""

Schedule = Iterator[tuple[float, Image | None]]
"""When pictures are due, in seconds from the first, and the pictures, (H, W, 3) uint8 RGB; None stands for the end."""


class Playback:
    """A stream of pictures that are known before they are due; see `CameraStream`.

    A picture counts as captured when it is due, so preparing it adds no latency. A late picture is returned at once.

    Args:
        schedule: The pictures; each is asked for before it is due.
        interval_s: Seconds between two of them.
        description: Name, size, rate and format in words.
        close: Called at the end.
        now, wait: Return the time, and wait for some seconds.
    """

    def __init__(
        self,
        schedule: Schedule,
        interval_s: float,
        description: str,
        close: Callable[[], None] = lambda: None,
        now: Callable[[], float] = perf_counter,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self.interval_s, self.description = interval_s, description
        self._schedule, self._close, self._now, self._wait = schedule, close, now, wait
        self._coming: tuple[float, Image | None] | None = None
        self._given: Image | None = None
        self._begin_s: float | None = None
        self._sequence = -1

    def read(self) -> CameraFrame | None:
        """Waits until the next picture is due; returns None when the last one has been shown for its time.

        Raises:
            CameraError: The file changed or vanished meanwhile.
        """
        try:
            self._coming = self._coming or next(self._schedule)
        except MediaError as error:
            raise CameraError(str(error)) from error
        time_s, picture = self._coming
        due_s = self._due(time_s)
        left_s = due_s - self._now()
        if left_s > LONGEST_SILENCE_S and self._given is not None:
            self._wait(LONGEST_SILENCE_S)
            return self._frame(due_s - left_s + LONGEST_SILENCE_S, self._given)
        self._wait(max(0.0, left_s))
        self._coming, self._given = None, picture
        return None if picture is None else self._frame(due_s, picture)

    def close(self) -> None:
        """Ends the pictures."""
        self._close()

    def _due(self, time_s: float) -> float:
        now_s = self._now()
        if self._begin_s is None or now_s - (self._begin_s + time_s) > LARGEST_DELAY_S:
            self._begin_s = now_s - time_s
        return self._begin_s + time_s

    def _frame(self, captured_s: float, picture: Image) -> CameraFrame:
        self._sequence += 1
        return CameraFrame(self._sequence, captured_s, picture)
