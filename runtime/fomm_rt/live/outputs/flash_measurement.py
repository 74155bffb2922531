"""Schedules the flips of a flashing window: first while the user aims the camera, then for the measurement."""

from __future__ import annotations

from random import Random

from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.flash_delay import LEAST_GAP_S, FlashDelay, Flip, Sighting, flash_delay

LONGEST_GAP_S = 0.7
"""Between two flips. The time is random, so that delays are not ambiguous. Three flashes a second
or more could harm people with photosensitive epilepsy: these are at most 1.25."""
LEAST_FRAMES = 4
"""Least number of frames shown between two flips: a slow session flips later."""
AIMING_FLIPS = 10
"""The camera sees the window if this many flips in a row are found."""
LOOK_INTERVAL_S = 1.0
LATE_S = 1.5
"""How long to wait for frames after the last flip."""
NOT_SEEN = (
    "the camera does not see the window flash: point it at this screen from about half a metre away, "
    "turn off its automatic exposure if it has one, and start again"
)
LONGEST_INTERVAL_S = 0.3
"""Between shown frames; with more, the flips are not found because the session is too slow."""
TOO_SLOW = (
    "only {:.1f} frames per second were shown, too few to measure the delay; "
    "end other programs, or use a faster backend"
)
ENDED_EARLY = "the measurement was ended before it was done; start it again and wait until it ends"


class FlashMeasurement:
    """Collects flips and camera frames. Times are seconds of `time.perf_counter`.

    Args:
        flip_count: Flips to measure.
        patience_s: Time for the user to aim the camera.
        start_s: Now.

    Attributes:
        is_measuring: True once the camera has seen the flips.
        has_ended: True if enough flips were measured, or if the camera did not see them in time.
        next_flip_s: When the window is to flip.
    """

    def __init__(self, flip_count: int, patience_s: float, start_s: float) -> None:
        self.is_measuring = self.has_ended = False
        self.next_flip_s = start_s
        self._flip_count, self._patience_s, self._start_s = flip_count, patience_s, start_s
        self._next_look_s = start_s
        self._random = Random(0)
        self._flips: list[Flip] = []
        self._sightings: list[Sighting] = []

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        if not self.is_measuring:
            return "Point the camera at this window"
        return f"Measuring: {len(self._flips)} of {self._flip_count} flashes"

    def flipped(self, time_s: float, is_white: bool) -> None:
        """The window has flipped."""
        self._flips.append(Flip(time_s, is_white))
        is_last = self.is_measuring and len(self._flips) >= self._flip_count
        gap_s = self._random.uniform(LEAST_GAP_S, LONGEST_GAP_S)
        slow_s = LEAST_FRAMES * self._interval_s() * gap_s / LEAST_GAP_S
        self.next_flip_s = float("inf") if is_last else time_s + max(gap_s, slow_s)

    def sighted(self, sighting: Sighting) -> None:
        """The result of a camera frame was shown."""
        self._sightings.append(sighting)

    def look(self, now_s: float) -> None:
        """Starts to measure once the camera sees the flips; ends after the last flip, or when `patience_s` is over."""
        if self.is_measuring:
            is_over = len(self._flips) >= self._flip_count and now_s >= self._flips[-1].time_s + LATE_S
            self.has_ended = self.has_ended or is_over
        elif now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_INTERVAL_S
            self._flips = self._flips[-AIMING_FLIPS:]
            if self._flips:
                since_s = self._flips[0].time_s
                self._sightings = [sighting for sighting in self._sightings if sighting.captured_s >= since_s]
            if len(self._flips) == AIMING_FLIPS and flash_delay(self._flips, self._sightings) is not None:
                self.is_measuring = True
                self._flips, self._sightings = [], []
            else:
                self.has_ended = now_s - self._start_s > self._patience_s

    def _interval_s(self) -> float:
        """Between the last frames."""
        recent = [sighting.captured_s for sighting in self._sightings[-11:]]
        return (recent[-1] - recent[0]) / (len(recent) - 1) if len(recent) > 1 else 0.0

    def delay(self) -> FlashDelay:
        """The measured delays.

        Raises:
            OutputError: The camera did not see the window, too few frames were shown, or it was ended too early.
        """
        if not self.has_ended:
            raise OutputError(ENDED_EARLY)
        delay = flash_delay(self._flips, self._sightings) if self.is_measuring else None
        if delay is None:
            interval_s = self._interval_s()
            raise OutputError(TOO_SLOW.format(1 / interval_s) if interval_s > LONGEST_INTERVAL_S else NOT_SEEN)
        return delay
