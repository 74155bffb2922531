"""Motion transfer: from a frame's driving keypoints to the keypoints that animate the source.

Relative, with source s, driving d and reference d0 (by default the first driving frame):

    value = (d − d0) · scale + s
    J = J_d · J_d0⁻¹ · J_s
    scale = √area(hull(s)) / √area(hull(d0)) with adapt_scale, else 1

Absolute: value = d, J = J_d. Terms that stay constant between frames are computed once. All in float32.

Source: Siarohin et al. 2019, section 3.3, and the published code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fomm_rt.motion.keypoints import Keypoints, scale_ratio

SMALLEST_DETERMINANT = 1e-8
"""Smaller determinants of a jacobian are raised to this value, so inverses stay finite."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """A prepared transfer, callable with the keypoints of a driving frame.

    Attributes:
        scale: Factor of the driving movement.
        offset: (K, 2) float32, s − scale · d0; None in absolute mode.
        jacobian: (K, 2, 2) float32, J_d0⁻¹ · J_s; None in absolute mode or without jacobians.
    """

    scale: np.float32
    offset: NDArray[np.float32] | None
    jacobian: NDArray[np.float32] | None

    def __call__(self, kp_driving: Keypoints) -> Keypoints:
        """Maps driving keypoints to the keypoints that animate the source."""
        if self.offset is None:
            return kp_driving
        value = kp_driving.value * self.scale + self.offset
        if self.jacobian is None or kp_driving.jacobian is None:
            return Keypoints(value, kp_driving.jacobian)
        return Keypoints(value, kp_driving.jacobian @ self.jacobian)


ABSOLUTE = Transfer(np.float32(1), None, None)
"""Leaves driving keypoints unchanged."""


def relative_transfer(kp_source: Keypoints, kp_driving_initial: Keypoints, adapt_scale: bool) -> Transfer:
    """Prepares motion of a source relative to a reference frame."""
    scale = np.float32(scale_ratio(kp_source, kp_driving_initial) if adapt_scale else 1)
    jacobian = None
    if kp_source.jacobian is not None and kp_driving_initial.jacobian is not None:
        jacobian = inverse_2x2(kp_driving_initial.jacobian) @ kp_source.jacobian
    return Transfer(scale, kp_source.value - scale * kp_driving_initial.value, jacobian)


def inverse_2x2(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inverts (K, 2, 2) float32 matrices in closed form. Singular matrices give finite results."""
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    determinant = a * d - b * c
    smallest = np.where(determinant < 0, -SMALLEST_DETERMINANT, SMALLEST_DETERMINANT).astype(np.float32)
    determinant = np.where(np.abs(determinant) < SMALLEST_DETERMINANT, smallest, determinant)
    adjugate = np.stack([np.stack([d, -b], axis=-1), np.stack([-c, a], axis=-1)], axis=-2)
    return np.asarray(adjugate / determinant[:, None, None], np.float32)
