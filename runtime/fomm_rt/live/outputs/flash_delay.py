"""Computes the delay from glass to glass from a flashing window and camera frames that see it.

    window turns white ──▶ light ──▶ camera: captured ──▶ model ──▶ shown in the window
    flip.time_s                      sighting.captured_s            sighting.shown_s

Only the window's flips are known, not where the camera sees them or how late. So every cell of a coarse grid over the
camera's picture is correlated with the flips, at every delay. The cells that follow best are the window; in their mean
brightness each flip is found as the first frame on the other side of the middle between dark and bright.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.image import Image
from fomm_rt.live.numbers import Quantiles

COLUMNS, ROWS = 32, 24
LONGEST_DELAY_S, DELAY_STEP_S = 1.5, 0.01
LEAST_CORRELATION = 0.6
"""Correlation of the cell that follows the flips best. Chance gives less than 0.4 for a dozen flips."""
LEAST_CONTRAST = 5.0
"""Between the bright and the dark window, in grey levels."""
FEWEST_FLIPS = 4
LEAST_GAP_S = 0.4
"""Shortest time between flips."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flip:
    """The window changed its colour.

    Attributes:
        time_s: When the change was handed to the screen.
        is_white: True if it turned white, False if it turned black.
    """

    time_s: float
    is_white: bool


@dataclass(frozen=True, eq=False)
class Sighting:
    """A camera frame.

    Attributes:
        captured_s: When it was captured, by its driver's timestamp.
        shown_s: When its result was handed to the screen.
        brightness: (ROWS · COLUMNS,) float32: mean grey level of each cell.
    """

    captured_s: float
    shown_s: float
    brightness: NDArray[np.float32]


@dataclass(frozen=True)
class FlashDelay:
    """Delays of the flips that were found.

    Attributes:
        flips: Number of flips of the window.
        seen: Number of flips found in the camera's frames.
        capture_ms: From the flip to the time of the first camera frame that shows it: screen and camera.
        shown_ms: From the flip to the result of that frame on the screen: glass to glass.
    """

    flips: int
    seen: int
    capture_ms: Quantiles
    shown_ms: Quantiles

    @property
    def sentences(self) -> list[str]:
        """The result in words, and the delay to set for a microphone."""
        shown, captured = self.shown_ms, self.capture_ms
        total, before = round(shown.p50 or 0), round(captured.p50 or 0)
        return [
            f"Glass to glass: {total} ms (p50), {shown.p90:.0f} ms (p90), {shown.max:.0f} ms (max), "
            f"over {self.seen} of {self.flips} flashes.",
            f"The screen and the camera take {before} ms of that, and {total - before} ms pass from capture to screen.",
            f"In OBS, delay the microphone by {total} ms: Audio Mixer, Advanced Audio Properties, Sync Offset.",
        ]

    def document(self) -> dict[str, object]:
        """The result as `--json` prints it."""
        sound_delay_ms = None if self.shown_ms.p50 is None else round(self.shown_ms.p50)
        return {**asdict(self), "sound_delay_ms": sound_delay_ms}


def brightness_of(picture: Image) -> NDArray[np.float32]:
    """Grey levels of (H, W, 3) uint8 RGB in cells, (ROWS · COLUMNS,) float32."""
    cells = cv2.resize(picture, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(cells, cv2.COLOR_RGB2GRAY), np.float32).reshape(-1)


def flash_delay(flips: Sequence[Flip], sightings: Sequence[Sighting]) -> FlashDelay | None:
    """Finds the flips in the camera's frames; None if the camera does not see the window."""
    if len(flips) < FEWEST_FLIPS or len(sightings) < 2 * len(flips):
        return None
    captured = np.array([sighting.captured_s for sighting in sightings])
    brightness = np.array([sighting.brightness for sighting in sightings], np.float64)
    delay_s, correlation = _best_delay(flips, captured, brightness)
    if correlation.max() < LEAST_CORRELATION:
        return None
    series = brightness[:, correlation >= 0.8 * correlation.max()].mean(axis=1)
    state = _state(flips, captured - delay_s)
    dark, bright = np.median(series[state == -1]), np.median(series[state == 1])
    if bright - dark < LEAST_CONTRAST:
        return None
    found = _first_frames(flips, captured - delay_s, series > (dark + bright) / 2)
    pairs = [(flip, sightings[index]) for flip, index in zip(flips, found, strict=True) if index is not None]
    if len(pairs) < max(FEWEST_FLIPS, len(flips) / 2):
        return None
    capture_ms = np.array([1e3 * (sighting.captured_s - flip.time_s) for flip, sighting in pairs])
    shown_ms = np.array([1e3 * (sighting.shown_s - flip.time_s) for flip, sighting in pairs])
    return FlashDelay(len(flips), len(pairs), _quantiles(capture_ms), _quantiles(shown_ms))


def _best_delay(flips: Sequence[Flip], captured: Floats, brightness: Floats) -> tuple[float, Floats]:
    """The delay at which the cells follow the flips best, and how well each of them does: (cells,) in [-1, 1]."""
    best_s, best = 0.0, np.full(brightness.shape[1], -1.0)
    for delay_s in np.arange(0.0, LONGEST_DELAY_S, DELAY_STEP_S):
        state = _state(flips, captured - delay_s)
        known = state != 0
        if known.sum() < len(captured) / 3 or abs(state[known].mean()) == 1:
            continue
        expected = state[known] - state[known].mean()
        seen = brightness[known] - brightness[known].mean(axis=0)
        norms = np.sqrt((expected**2).sum() * (seen**2).sum(axis=0))
        correlation = (expected @ seen) / np.maximum(norms, 1e-9)
        if correlation.max() > best.max():
            best_s, best = float(delay_s), correlation
    return best_s, best


def _state(flips: Sequence[Flip], times_s: Floats) -> NDArray[np.int8]:
    """The window's colour at some times: 1 for white, -1 for black, 0 before the first flip."""
    after = np.searchsorted([flip.time_s for flip in flips], times_s, side="right")
    colours = np.array([0, *(1 if flip.is_white else -1 for flip in flips)], np.int8)
    return np.asarray(colours[after], np.int8)


def _first_frames(flips: Sequence[Flip], times_s: Floats, is_bright: NDArray[np.bool_]) -> list[int | None]:
    """For each flip the number of the first frame that shows it, None if it is not seen.

    A single flickering frame does not count: the frames after it, up to the next flip, must show the flip too.

    Args:
        flips: In the order of their times.
        times_s: When the frames were captured, less the usual delay.
        is_bright: True for each frame in which the window is bright.
    """
    flip_times = np.array([flip.time_s for flip in flips])
    middles = (flip_times[:-1] + flip_times[1:]) / 2
    starts = np.searchsorted(times_s, [flip_times[0] - LEAST_GAP_S / 2, *middles])
    ends = np.searchsorted(times_s, [*middles, flip_times[-1] + LEAST_GAP_S / 2])
    found: list[int | None] = []
    for flip, start, end in zip(flips, starts, ends, strict=True):
        hides = np.flatnonzero(is_bright[start:end] != flip.is_white)
        first = int(start) + (int(hides[-1]) + 1 if len(hides) else 0)
        is_seen = 0 < first < end and is_bright[first - 1] != flip.is_white
        found.append(first if is_seen else None)
    return found


def _quantiles(values: Floats) -> Quantiles:
    p50, p90, p99 = np.quantile(values, [0.5, 0.9, 0.99])
    return Quantiles(round(float(p50), 1), round(float(p90), 1), round(float(p99), 1), round(float(values.max()), 1))
