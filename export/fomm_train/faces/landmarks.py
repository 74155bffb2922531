"""Landmarks: the picture positions of ten points of a head, and how a plane through each of them is transformed.

The plane of a landmark stands upright in its body and faces the body's front, whatever the surface there does. Under
parallel projection a turn of the head transforms all these planes alike; they differ only by their depth. So motion at
any depth between two landmarks is a blend of theirs, which is what the dense-motion network can produce. The nose is
the nearest landmark and the crown, at the depth of the ears, the farthest; more than nine tenths of the visible points
of a head lie between them. Planes that follow the surface move their own neighbourhood well, but misplace the rest of
the head by pixels, whatever the blend.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces import anatomy
from fomm_train.faces.camera import HEAD_UNIT, Matrix, View, head_view, torso_view
from fomm_train.faces.head_shape import head_solid, torso_solid
from fomm_train.faces.identity import Identity
from fomm_train.faces.pose import Pose
from fomm_train.faces.solids import trace

LANDMARKS = (
    *("upper_lid_left", "upper_lid_right", "brow_left", "brow_right", "nose_tip"),
    *("mouth_left", "mouth_right", "lower_lip", "crown", "neck_base"),
)


class Landmarks(NamedTuple):
    """Positions of the landmarks, and derivatives of picture positions along their planes.

    Positions -1 and 1 are the centres of the corner pixels. Jacobians are the identity in the frontal neutral picture.
    """

    value: Tensor  # (10, 2) float32, (x, y)
    jacobian: Tensor  # (10, 2, 2) float32


def landmarks(identity: Identity, pose: Pose) -> Landmarks:
    """The landmarks of an identity at a pose; finite even where a landmark faces away."""
    head, torso = head_view(pose), torso_view(pose)
    flat = face_points(identity, pose)
    face = np.column_stack([flat, surface_depth(identity, pose, flat)])
    on_head = head.project(np.vstack([face, anatomy.CROWN]))
    value = np.concatenate([on_head, torso.project(_neck_base(identity))[None]])
    jacobian = np.stack([_upright_plane(head)] * len(on_head) + [_upright_plane(torso)])
    return Landmarks(torch.from_numpy(value.astype(np.float32)), torch.from_numpy(jacobian.astype(np.float32)))


def _upright_plane(view: View) -> Matrix:
    """(2, 2): change of picture position along the body's X and Y; the identity in the neutral picture."""
    return view.affine()[:, :2] / HEAD_UNIT


@lru_cache(maxsize=1024)
def _neck_base(identity: Identity) -> Matrix:
    """(3,), torso coordinates."""
    x, y = anatomy.NECK_BASE
    depth = trace(torso_solid(identity), np.eye(3), torch.tensor([x]), torch.tensor([y])).depth
    return np.array([x, y, float(depth)])


def surface_depth(identity: Identity, pose: Pose, points: Matrix) -> Matrix:
    """(N,): Z of the face's surface at (N, 2) frontal positions."""
    u, v = (torch.from_numpy(points[:, axis].astype(np.float32)) for axis in range(2))
    depth = trace(head_solid(identity, pose), np.eye(3), u, v).depth
    return depth.diagonal().numpy().astype(np.float64)


def face_points(identity: Identity, pose: Pose) -> Matrix:
    """(8, 2): frontal head coordinates of the landmarks on the face, in the order of LANDMARKS."""
    centre = torch.zeros(1)
    eyes = [anatomy.eye(identity, pose, side) for side in (-1.0, 1.0)]
    lips = anatomy.mouth(identity, pose)
    corner_y = lips.y + lips.lift
    return np.array(
        [
            *((eye.x, eye.y + float(anatomy.lid_curves(eye, centre)[0])) for eye in eyes),
            *((anatomy.brow_x(identity, side), anatomy.brow_height(identity, pose)) for side in (-1.0, 1.0)),
            (0.0, anatomy.nose_tip_y(identity)),
            *((-lips.half_width, corner_y), (lips.half_width, corner_y)),
            (0.0, lips.y + float(anatomy.lip_curves(lips, centre).lower_outer)),
        ]
    )


def feature_boxes(identity: Identity, pose: Pose, size: int) -> dict[str, tuple[int, int, int, int]]:
    """Boxes (x0, y0, x1, y1) that contain "eye_left", "eye_right" and "mouth", whatever the expression.

    In pixels of a picture of side `size`, x0 <= x < x1, clipped to the picture.
    """
    calm = replace(pose, blink_left=0.0, blink_right=0.0, mouth_open=0.5, smile=0.0, brow=0.0)
    left, right = (anatomy.eye(identity, calm, side) for side in (-1.0, 1.0))
    lips = anatomy.mouth(identity, calm)
    wide, tall = 1.12 * left.half_width, 1.35 * left.upper
    top, bottom = lips.y - 0.17, lips.y + anatomy.WIDEST_GAP + 0.09
    rectangles = {
        "eye_left": (left.x - wide, left.y - tall, left.x + wide, left.y + 1.5 * left.lower),
        "eye_right": (right.x - wide, right.y - tall, right.x + wide, right.y + 1.5 * right.lower),
        "mouth": (-1.25 * identity.mouth_width, top, 1.25 * identity.mouth_width, bottom),
    }
    return {name: _pixel_box(identity, calm, rectangle, size) for name, rectangle in rectangles.items()}


def _pixel_box(
    identity: Identity, pose: Pose, rectangle: tuple[float, float, float, float], size: int
) -> tuple[int, int, int, int]:
    """The pixels around a rectangle (x0, y0, x1, y1) of frontal head coordinates, laid on the face."""
    x0, y0, x1, y1 = rectangle
    points = np.array([[x, y] for x in (x0, 0.5 * (x0 + x1), x1) for y in (y0, 0.5 * (y0 + y1), y1)])
    on_face = np.column_stack([points, surface_depth(identity, pose, points)])
    pixels = (head_view(pose).project(on_face) + 1) * 0.5 * (size - 1)
    low = np.clip(np.floor(pixels.min(axis=0)), 0, size - 1).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 1, low + 1, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
