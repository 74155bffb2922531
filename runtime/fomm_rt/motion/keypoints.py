"""Keypoints of one picture, and the distance between two poses."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MotionError

SMALLEST_AREA = 1e-5
"""Hulls below this area are degenerate; in grid units squared, 0.16 pixels squared at 256×256."""


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
        """Copies the arrays too."""
        return Keypoints(self.value.copy(), None if self.jacobian is None else self.jacobian.copy())


def check_keypoints(keypoints: Keypoints, num_kp: int, has_jacobians: bool) -> None:
    """Checks that keypoints have the shapes and types that a model with these properties finds.

    Raises:
        MotionError: They do not.
    """
    shapes = [(num_kp, 2), *([(num_kp, 2, 2)] if has_jacobians else [])]
    arrays = [keypoints.value, *([] if keypoints.jacobian is None else [keypoints.jacobian])]
    if [np.shape(array) for array in arrays] != shapes:
        found = f"{np.shape(keypoints.value)[0] if np.ndim(keypoints.value) else 'something else'}"
        raise MotionError(
            f"expected {num_kp} keypoints {'with' if has_jacobians else 'without'} jacobians; got {found} "
            f"{'without' if keypoints.jacobian is None else 'with'}; use the model that found them"
        )
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.dtype != np.float32 or not np.isfinite(array).all():
            raise MotionError("expected keypoints as arrays of finite float32; use what a model found")


def hull_area(value: NDArray[np.float32]) -> float:
    """Area of the convex hull of (K, 2) points, in grid units squared."""
    import cv2

    return float(cv2.contourArea(cv2.convexHull(np.ascontiguousarray(value, np.float32))))


def scale_ratio(kp_source: Keypoints, kp_driving_initial: Keypoints) -> float:
    """√area(hull(source)) / √area(hull(initial)); 1 if either hull is degenerate."""
    source, initial = hull_area(kp_source.value), hull_area(kp_driving_initial.value)
    if source < SMALLEST_AREA or initial < SMALLEST_AREA:
        return 1.0
    return sqrt(source) / sqrt(initial)


def pose_distance(a: Keypoints, b: Keypoints) -> float:
    """Sum of squared distances after centring each set and dividing it by √area of its hull.

    The published best-frame search computes this measure from facial landmarks; here it uses the model's keypoints.
    """
    return float(np.square(_normalized(a.value) - _normalized(b.value)).sum())


def _normalized(value: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = value.astype(np.float64) - value.mean(axis=0, dtype=np.float64)
    return np.asarray(centred / sqrt(max(hull_area(value), SMALLEST_AREA)), np.float64)
