"""Smoothing of keypoints over time, against the jitter of a detector.

A One-Euro filter is a low-pass filter whose cutoff rises with speed: it removes jitter at rest and adds little delay in
motion.

    cutoff = min_cutoff_hz + beta · |speed|,   alpha = 1 / (1 + rate / (2π · cutoff))
    filtered += alpha · (new − filtered)

Source: Casiez, Roussel, Vogel, "1€ Filter", CHI 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MotionError
from fomm_rt.motion.keypoints import Keypoints

SPEED_CUTOFF_HZ = 1.0
"""Cutoff of the filter of the speed, as its authors advise."""
FASTEST_CUTOFF_HZ, SLOWEST_CUTOFF_HZ = 8.0, 0.5
"""Cutoffs at rest for strengths near 0 and of 1."""
BETA = 12.0
"""Rise of the cutoff, Hz per grid unit a second; a grid unit is half the side of a frame.

Chosen by `benchmarks/studies/keypoint_smoothing.py`: strength 0.5 leaves about a quarter of the jitter and lags less
than 1/30 s behind a moving head.
"""


Floats = NDArray[np.float32]


class KeypointFilter:
    """Smooths the keypoints of successive frames.

    Args:
        strength: 0 leaves keypoints unchanged; 1 smooths most, and lags most.

    Raises:
        MotionError: `strength` is not within 0 and 1.
    """

    def __init__(self, strength: float = 0.5) -> None:
        if not 0 <= strength <= 1:
            raise MotionError(f"expected a smoothing strength from 0 to 1; got {strength}")
        self.strength = strength
        self.min_cutoff_hz = FASTEST_CUTOFF_HZ * (SLOWEST_CUTOFF_HZ / FASTEST_CUTOFF_HZ) ** strength
        self._state: _State | None = None

    def __call__(self, keypoints: Keypoints, time: Fraction | float) -> Keypoints:
        """Returns the smoothed keypoints of a frame, shown at `time` in seconds.

        A frame that is not later than the one before starts anew, for example when a clip is looped.
        """
        if self.strength == 0:
            return keypoints
        num_kp = len(keypoints.value)
        columns = [keypoints.value] if keypoints.jacobian is None else [keypoints.value, keypoints.jacobian]
        new = np.concatenate([column.reshape(num_kp, -1) for column in columns], axis=1)
        self._state = self._next(new, float(time))
        filtered = self._state.filtered
        jacobian = None if keypoints.jacobian is None else filtered[:, 2:].reshape(num_kp, 2, 2).copy()
        return Keypoints(filtered[:, :2].copy(), jacobian)

    def reset(self) -> None:
        """Forgets earlier frames."""
        self._state = None

    def _next(self, new: Floats, time_s: float) -> _State:
        last = self._state
        if last is None or time_s <= last.time_s or last.new.shape != new.shape:
            return _State(time_s, new, new, np.zeros((len(new), 2), np.float32))
        elapsed_s = time_s - last.time_s
        measured = (new[:, :2] - last.new[:, :2]) / elapsed_s
        speed = last.speed + _alpha(np.array(SPEED_CUTOFF_HZ), elapsed_s) * (measured - last.speed)
        # A jacobian has other units, so it follows at the cutoff of its keypoint's position.
        cutoff_hz = self.min_cutoff_hz + BETA * np.hypot(speed[:, :1], speed[:, 1:])
        filtered = last.filtered + _alpha(cutoff_hz, elapsed_s) * (new - last.filtered)
        return _State(time_s, new, filtered.astype(np.float32), speed.astype(np.float32))


@dataclass(frozen=True, eq=False)
class _State:
    """After a frame; a row holds a keypoint's (x, y) and, if it has one, its jacobian."""

    time_s: float
    new: Floats  # (K, 2 or 6), unfiltered
    filtered: Floats
    speed: Floats  # (K, 2), grid units a second


def _alpha(cutoff_hz: NDArray[Any], elapsed_s: float) -> NDArray[Any]:
    return np.asarray(1 / (1 + 1 / (2 * np.pi * elapsed_s * cutoff_hz)))
