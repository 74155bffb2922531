"""Keypoints of one picture, and how far two poses are apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

SMALLEST_AREA = 1e-5
"""Hulls below this area (grid units squared; 0.4 pixel squared at 256×256) count as degenerate."""


@dataclass(frozen=True, eq=False)
class Keypoints:
    """K keypoints of one picture.

    Attributes:
        value: (K, 2) float32, (x, y) in [-1, 1], the corner pixels at -1 and 1.
        jacobian: (K, 2, 2) float32, the local affine motion around each; None in a model without jacobians.
    """

    value: NDArray[np.float32]
    jacobian: NDArray[np.float32] | None = None

    def copy(self) -> Keypoints:
        """The same in arrays of their own."""
        return Keypoints(self.value.copy(), None if self.jacobian is None else self.jacobian.copy())


def hull_area(value: NDArray[np.float32]) -> float:
    """Area of the convex hull of (K, 2) points, in grid units squared."""
    import cv2

    return float(cv2.contourArea(cv2.convexHull(np.ascontiguousarray(value, np.float32))))


def scale_ratio(kp_source: Keypoints, kp_driving_initial: Keypoints) -> float:
    """√area(hull(source)) / √area(hull(initial)); 1 where a hull is degenerate."""
    source, initial = hull_area(kp_source.value), hull_area(kp_driving_initial.value)
    if source < SMALLEST_AREA or initial < SMALLEST_AREA:
        return 1.0
    return sqrt(source) / sqrt(initial)


def pose_distance(a: Keypoints, b: Keypoints) -> float:
    """Sum of squared distances after each set is centred and divided by √area of its hull.

    The measure that the published best-frame search takes of facial landmarks, taken of the model's own
    keypoints.
    """
    return float(np.square(_normalized(a.value) - _normalized(b.value)).sum())


def _normalized(value: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = value.astype(np.float64) - value.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / sqrt(max(hull_area(value), SMALLEST_AREA)), np.float64)
