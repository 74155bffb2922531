"""The camera: body coordinates (X right, Y down, Z to the viewer; skull half-height 1) to picture positions."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fomm_train.faces.pose import Pose

Matrix = npt.NDArray[np.float64]

HEAD_UNIT = 0.55  # half picture sides for one head unit at scale 1
HEAD_CENTRE_Y = -0.03  # a little above the middle, which leaves room for the shoulders
TORSO_RISE = -0.10  # half picture sides; shortens the neck
PIVOT = np.array([0.0, 0.55, -0.25])  # the joint of skull and neck; the head turns about it


class View(NamedTuple):
    """How the camera sees a solid body."""

    rotation: Matrix  # (3, 3), body coordinates to camera coordinates
    x: float  # picture position of the body's origin, half picture sides to the right
    y: float  # half picture sides downwards
    unit: float  # half picture sides for one head unit

    def project(self, points: Matrix) -> Matrix:
        """(..., 3) body points -> (..., 2) picture positions (x, y)."""
        turned = points @ self.rotation.T
        return np.stack([self.x + self.unit * turned[..., 0], self.y + self.unit * turned[..., 1]], axis=-1)

    def affine(self) -> Matrix:
        """(2, 4): `project` as a matrix that multiplies (x, y, z, 1)."""
        origin = np.array([[self.x], [self.y]])
        return np.concatenate([self.unit * self.rotation[:2], origin], axis=1)

    def points(self, u: Tensor, v: Tensor, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Body x, y, z, each (h, w), at (w,) columns and (h,) rows from the origin and (h, w) depth, head units."""
        r = self.rotation
        x, y, z = (float(r[0, c]) * u[None, :] + float(r[1, c]) * v[:, None] + float(r[2, c]) * depth for c in range(3))
        return x, y, z


def rotation_matrix(yaw: float, pitch: float, roll: float) -> Matrix:
    """(3, 3): pitch (positive nods down), then yaw (positive to the right), then roll (positive clockwise)."""
    cy, sy = np.cos(yaw), np.sin(yaw)
    cp, sp = np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    yawing = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitching = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    rolling = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    matrix: Matrix = rolling @ yawing @ pitching
    return matrix


def head_view(pose: Pose) -> View:
    """The view of the head at a pose."""
    rotation = rotation_matrix(pose.yaw, pose.pitch, pose.roll)
    unit = HEAD_UNIT * pose.scale
    shift = unit * (PIVOT - rotation @ PIVOT)
    return View(rotation, pose.x + float(shift[0]), HEAD_CENTRE_Y + pose.y + float(shift[1]), unit)


def torso_view(pose: Pose) -> View:
    """The view of the torso, which shifts with the head but hardly turns with it."""
    rotation = rotation_matrix(0.08 * pose.yaw, 0.0, 0.12 * pose.roll)
    unit = HEAD_UNIT * pose.scale
    return View(rotation, 0.85 * pose.x, HEAD_CENTRE_Y + TORSO_RISE + 0.85 * pose.y, unit)


@lru_cache(maxsize=32)
def pixel_positions(size: int, supersample: int, device: str) -> Tensor:
    """(size * supersample,) float32: sample positions; -1 and 1 are the centres of the corner pixels."""
    step = 2.0 / (size - 1)
    offsets = (torch.arange(supersample, dtype=torch.float64) + 0.5) / supersample - 0.5
    centres = torch.linspace(-1, 1, size, dtype=torch.float64)
    return (centres[:, None] + step * offsets).reshape(-1).to(dtype=torch.float32, device=device)
