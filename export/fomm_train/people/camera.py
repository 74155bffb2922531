"""From a person's coordinates to the picture: the head turns on the neck, and a camera projects it in perspective.

Head coordinates are those of `fomm_train.faces.camera`: x right, y down, z to the viewer, half the head's height 1.
"""

from typing import NamedTuple

import numpy as np

from fomm_train.faces import Pose
from fomm_train.faces.camera import HEAD_CENTRE_Y, HEAD_UNIT, PIVOT, Matrix, rotation_matrix
from fomm_train.people.assets import Floats
from fomm_train.people.shape import Shape


class Stage(NamedTuple):
    """Positions of head and torso before the camera.

    Attributes:
        head, torso: (3, 4), head coordinates to the camera's: head units, x right, y down, z to the camera.
        x, y: Picture position of the camera's origin, half picture sides.
        unit: Half picture sides for one head unit at depth 0.
        distance: Distance of the camera, head units.
    """

    head: Matrix
    torso: Matrix
    x: float
    y: float
    unit: float
    distance: float

    def placed(self, points: Floats, weight: Floats) -> Floats:
        """(N, 3) head coordinates -> (N, 3) before the camera; `weight` (N,) is how far each follows the head."""
        share = weight[:, None]
        head = points @ self.head[:, :3].T.astype(np.float32) + self.head[:, 3].astype(np.float32)
        torso = points @ self.torso[:, :3].T.astype(np.float32) + self.torso[:, 3].astype(np.float32)
        placed: Floats = torso + share * (head - torso)
        return placed

    def turned(self, directions: Floats, weight: Floats) -> Floats:
        """(N, 3) directions, turned in the same way; their lengths may change."""
        head = directions @ self.head[:, :3].T.astype(np.float32)
        torso = directions @ self.torso[:, :3].T.astype(np.float32)
        turned: Floats = torso + weight[:, None] * (head - torso)
        return turned

    def projected(self, placed: Floats) -> Floats:
        """(N, 3) before the camera -> (N, 2) picture positions."""
        nearness = self.distance / (self.distance - placed[:, 2:])
        origin = np.array([self.x, self.y], np.float32)
        projected: Floats = (origin + np.float32(self.unit) * placed[:, :2]) * nearness.astype(np.float32)
        return projected

    def jacobian(self, placed: Floats, turn: Matrix) -> Matrix:
        """(2, 2): change of picture position by x and y of a body that `turn` (3, 3) turns, at (3,) before the camera.

        position = (origin + unit · xy) · d / (d − z)
        """
        gap = self.distance - float(placed[2])
        nearness = self.distance / gap
        flat = np.array([self.x, self.y]) + self.unit * placed[:2]
        change = self.unit * nearness * turn[:2, :2] + np.outer(flat, turn[2, :2]) * nearness / gap
        result: Matrix = change
        return result


def stage_of(pose: Pose, distance: float) -> Stage:
    """The stage at a pose. As with drawn heads, the torso shifts with the head and hardly turns."""
    unit = HEAD_UNIT * pose.scale
    turn = rotation_matrix(pose.yaw, pose.pitch, pose.roll)
    still = rotation_matrix(0.08 * pose.yaw, 0.0, 0.12 * pose.roll)
    behind = -0.15 * np.array([pose.x, pose.y, 0.0]) / unit
    head = np.column_stack([turn, PIVOT - turn @ PIVOT])
    torso = np.column_stack([still, PIVOT - still @ PIVOT + behind])
    return Stage(head, torso, pose.x, HEAD_CENTRE_Y + pose.y, unit, distance)


def head_coordinates(vertices: Floats, shape: Shape) -> Floats:
    """(N, 3) dm -> (N, 3) head coordinates."""
    flipped: Floats = (vertices - shape.centre) * (np.array([1, -1, 1], np.float32) / np.float32(shape.unit))
    return flipped
