"""Groups of drawn faces, each drawn from its seed alone."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.data.frame_group import IDENTITIES, POSES, REGIONS, SURFACE_SIZE, FrameGroup, GroupSource, stacked
from fomm_train.faces import (
    Identity,
    Pose,
    draw_identity,
    draw_pose,
    feature_boxes,
    head_view,
    landmarks,
    render_picture,
    surface_map,
    torso_view,
)
from fomm_train.faces.rigid_motion import Surfaces, moved_by_expression, rigid_motion
from fomm_train.regions import inside_boxes

SOURCE_STRENGTH = 0.5
"""Strength of a group's first pose: source pictures usually look about straight ahead."""


def draw_group(seed: int, size: int) -> FrameGroup:
    """Draws the group of a seed; its frames have `size` × `size` pixels."""
    rng = np.random.default_rng(seed)
    identities = [draw_identity(int(s)) for s in rng.integers(0, 2**31, IDENTITIES)]
    poses = [draw_pose(rng, SOURCE_STRENGTH if i == 0 else 1.0) for i in range(POSES)]
    return stacked([_draw_identity(identity, poses, size) for identity in identities])


DRAWN_GROUPS = GroupSource(draw_group, version=3)


def _draw_identity(identity: Identity, poses: list[Pose], size: int) -> dict[str, NDArray[Any]]:
    """The fields of `FrameGroup` for one identity."""
    found = [landmarks(identity, pose) for pose in poses]
    boxes = np.stack([region_boxes(identity, pose, size) for pose in poses])
    records = [surface_map(identity, pose, SURFACE_SIZE) for pose in poses]
    surfaces = Surfaces(torch.stack([r.body for r in records]), torch.stack([r.point for r in records]))
    steps, shown = _motions(surfaces, torch.stack([torch.from_numpy(body_views(pose)) for pose in poses]))
    moved = inside_boxes(moved_by_expression(torch.from_numpy(boxes)), SURFACE_SIZE)[:, 0]
    return {
        "frames": np.stack([render_picture(identity, pose, size) for pose in poses]),
        "landmarks": np.stack([each.value.numpy() for each in found]),
        "jacobians": np.stack([each.jacobian.numpy() for each in found]),
        "boxes": boxes,
        "bodies": surfaces.bodies.numpy(),
        "known": ~moved.numpy(),
        "steps": steps.numpy().astype(np.float16),
        "shown": shown.numpy(),
    }


def _motions(surfaces: Surfaces, views: Tensor) -> tuple[Tensor, Tensor]:
    """Steps (P, P, s, s, 2) and shown (P, P, s, s) between all pairs of P pictures."""
    count = len(views)
    here, there = torch.meshgrid(torch.arange(count), torch.arange(count), indexing="ij")
    first, second = here.flatten(), there.flatten()
    flow, shown = rigid_motion(
        Surfaces(*(part[first] for part in surfaces)), Surfaces(*(part[second] for part in surfaces)), views[second]
    )
    steps = flow - coordinate_grid(SURFACE_SIZE, SURFACE_SIZE)
    grid = (count, count, SURFACE_SIZE, SURFACE_SIZE)
    return steps.reshape(*grid, 2), shown.reshape(grid)


def region_boxes(identity: Identity, pose: Pose, size: int) -> NDArray[np.float32]:
    """(R, 4): x0, y0, x1, y1 of REGIONS as fractions of the side of a picture of `size` pixels."""
    boxes = feature_boxes(identity, pose, size)
    return np.array([[side / size for side in boxes[name]] for name in REGIONS], np.float32)


def body_views(pose: Pose) -> NDArray[np.float32]:
    """(2, 2, 4): matrices from coordinates (x, y, z, 1) of head and torso to picture positions."""
    return np.stack([head_view(pose).affine(), torso_view(pose).affine()]).astype(np.float32)
