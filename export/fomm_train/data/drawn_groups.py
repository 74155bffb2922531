"""Groups of drawn faces, each drawn from its seed alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_train.data.frame_group import FIELDS, IDENTITIES, POSES, REGIONS, SURFACE_SIZE, FrameGroup, GroupSource
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

SOURCE_STRENGTH = 0.5
"""Strength of a group's first pose: source pictures usually look about straight ahead."""


def draw_group(seed: int, size: int) -> FrameGroup:
    """Draws the group of a seed; its frames have `size` × `size` pixels."""
    rng = np.random.default_rng(seed)
    identities = [draw_identity(int(s)) for s in rng.integers(0, 2**31, IDENTITIES)]
    poses = [draw_pose(rng, SOURCE_STRENGTH if i == 0 else 1.0) for i in range(POSES)]
    frames = [draw_frame(identity, pose, size) for identity in identities for pose in poses]
    grid = (IDENTITIES, POSES)
    return FrameGroup(
        **{name: np.stack([frame[name] for frame in frames]).reshape(*grid, *frames[0][name].shape) for name in FIELDS}
    )


DRAWN_GROUPS = GroupSource(draw_group, version=2)


def draw_frame(identity: Identity, pose: Pose, size: int) -> dict[str, NDArray[Any]]:
    """The fields of `FrameGroup` for one frame."""
    found = landmarks(identity, pose)
    surface = surface_map(identity, pose, SURFACE_SIZE)
    return {
        "frames": render_picture(identity, pose, size),
        "landmarks": found.value.numpy(),
        "jacobians": found.jacobian.numpy(),
        "boxes": region_boxes(identity, pose, size),
        "bodies": surface.body.numpy(),
        "points": surface.point.numpy().astype(np.float16),
        "views": body_views(pose),
    }


def region_boxes(identity: Identity, pose: Pose, size: int) -> NDArray[np.float32]:
    """(R, 4): x0, y0, x1, y1 of REGIONS as fractions of the side of a picture of `size` pixels."""
    boxes = feature_boxes(identity, pose, size)
    return np.array([[side / size for side in boxes[name]] for name in REGIONS], np.float32)


def body_views(pose: Pose) -> NDArray[np.float32]:
    """(2, 2, 4): matrices from coordinates (x, y, z, 1) of head and torso to picture positions."""
    return np.stack([head_view(pose).affine(), torso_view(pose).affine()]).astype(np.float32)
