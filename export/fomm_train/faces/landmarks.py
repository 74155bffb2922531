"""Landmarks: where ten points of a head lie in the picture, and how a plane through each of them is bent.

The plane of a landmark stands upright in its body, facing whoever the body faces, whatever the surface there does. Seen
from afar, a turn of the head bends all such planes alike; they only move apart by their depth. So motion at any depth
between two landmarks is a blend of theirs, which is just what the dense-motion network can make. The nose is the
nearest landmark and the crown, at the depth of the ears, the farthest; more than nine places of ten that are seen of a
head lie between. Planes that follow the surface move their own neighbourhood well, and the rest of the head by pixels
amiss, whatever the blend.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces import anatomy
from fomm_train.faces.camera import HEAD_UNIT, Matrix, View, head_view, torso_view
from fomm_train.faces.drawing.solids import trace
from fomm_train.faces.head_shape import head_solid, torso_solid
from fomm_train.faces.identity import Identity
from fomm_train.faces.performance import Pose

LANDMARKS = (
    *("upper_lid_left", "upper_lid_right", "brow_left", "brow_right", "nose_tip"),
    *("mouth_left", "mouth_right", "lower_lip", "crown", "chest"),
)


class Landmarks(NamedTuple):
    """Where the landmarks are.

    Attributes:
        value: (10, 2) float32, (x, y) in [-1, 1], -1 and 1 at the centres of the corner pixels.
        jacobian: (10, 2, 2) float32, change of picture position by change of position on the upright plane through
            the landmark, in units of the frontal neutral picture: the identity there.
    """

    value: Tensor
    jacobian: Tensor


def landmarks(identity: Identity, pose: Pose) -> Landmarks:
    """The landmarks of an identity at a pose; finite also where a landmark has turned away."""
    head, torso = head_view(pose), torso_view(pose)
    flat = face_points(identity, pose)
    face = np.column_stack([flat, surface_depth(identity, pose, flat)])
    on_head = head.project(np.vstack([face, anatomy.CROWN]))
    on_torso = torso.project(_chest(identity))
    value = np.concatenate([on_head, on_torso[None]])
    jacobian = np.stack([_upright_plane(head)] * len(on_head) + [_upright_plane(torso)])
    return Landmarks(torch.from_numpy(value.astype(np.float32)), torch.from_numpy(jacobian.astype(np.float32)))


def _upright_plane(view: View) -> Matrix:
    """(2, 2): change of picture position along the body's X and Y; the identity in the neutral picture."""
    return view.affine()[:, :2] / HEAD_UNIT


@lru_cache(maxsize=1024)
def _chest(identity: Identity) -> Matrix:
    """(3,), coordinates of the torso."""
    x, y = anatomy.chest_point()
    depth = trace(torso_solid(identity), np.eye(3), torch.tensor([x]), torch.tensor([y])).depth
    return np.array([x, y, float(depth)])


def surface_depth(identity: Identity, pose: Pose, points: Matrix) -> Matrix:
    """Z of the face's surface at (N, 2) frontal positions -> (N,)."""
    u, v = (torch.from_numpy(points[:, axis].astype(np.float32)) for axis in range(2))
    depth = trace(head_solid(identity, pose), np.eye(3), u, v).depth
    return depth.diagonal().numpy().astype(np.float64)


def face_points(identity: Identity, pose: Pose) -> Matrix:
    """(8, 2): frontal head coordinates of the landmarks on the face, moved by expression."""
    centre = torch.zeros(1)
    points: list[tuple[float, float]] = []
    for side in (-1.0, 1.0):
        parts = anatomy.eye(identity, pose, side)
        upper, _ = anatomy.lid_curves(parts, centre)
        points.append((parts.x, parts.y + float(upper)))
    for side in (-1.0, 1.0):
        points.append((anatomy.brow_x(identity, side), anatomy.brow_height(identity, pose)))
    points.append((0.0, anatomy.nose_tip_y(identity)))
    lips = anatomy.mouth(identity, pose)
    corner_y = lips.y + lips.lift
    points += [(-lips.half_width, corner_y), (lips.half_width, corner_y)]
    points.append((0.0, lips.y + float(anatomy.lip_curves(lips, centre).lower_outer)))
    return np.array(points)


def feature_boxes(identity: Identity, pose: Pose, size: int) -> dict[str, tuple[int, int, int, int]]:
    """Boxes that hold the eyes and the mouth at any openness.

    Args:
        identity: Who.
        pose: Where the head is; its blink and mouth_open are ignored.
        size: Side of the picture, pixels.

    Returns:
        (x0, y0, x1, y1) of "eye_left", "eye_right", "mouth": x0 <= x < x1, clipped to the picture.
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
    view = head_view(calm)
    boxes: dict[str, tuple[int, int, int, int]] = {}
    for name, (x0, y0, x1, y1) in rectangles.items():
        corners = np.array([[x, y] for x in (x0, 0.5 * (x0 + x1), x1) for y in (y0, 0.5 * (y0 + y1), y1)])
        depth = surface_depth(identity, calm, corners)[:, None]
        pixels = (view.project(np.concatenate([corners, depth], axis=-1)) + 1) * 0.5 * (size - 1)
        low = np.clip(np.floor(pixels.min(axis=0)), 0, size - 1).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0)) + 1, low + 1, size).astype(int)
        boxes[name] = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    return boxes
