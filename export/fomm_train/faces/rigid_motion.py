"""The motion between two pictures of rigid heads and torsos before a still background."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.faces.drawing.canvas import BACKGROUND, TORSO

SAME_PLACE = 0.2
"""Largest distance in head units at which two points count as one: a grid cell on a slanted surface."""
BROWS, CHIN = 0.6, 0.5
"""How far expression moves the surface above the boxes of eyes and below the box of the mouth, in box heights."""


class Surfaces(NamedTuple):
    """What N pictures show: bodies (N, s, s), and the points (N, 3, s, s) in those bodies' own coordinates."""

    bodies: Tensor
    points: Tensor


def rigid_motion(here: Surfaces, there: Surfaces, views: Tensor) -> tuple[Tensor, Tensor]:
    """Where N source pictures show what N others show.

    Args:
        here: The surfaces of the others.
        there: The surfaces of the source pictures.
        views: (N, 2, 2, 4), the matrices from coordinates (x, y, z, 1) of head and torso to the source's positions.

    Returns:
        Positions in the source (N, s, s, 2), and (N, s, s) bool: True if the source shows that same point, or also
        shows background.
    """
    bodies, points = here
    side = bodies.shape[-1]
    solid = torch.cat([points, torch.ones_like(points[:, :1])], dim=1)  # (N, 4, s, s)
    flows = torch.einsum("nbij,njhw->nbhwi", views, solid)  # (N, 2, s, s, 2)
    body = bodies[..., None]
    flow = torch.where(body == TORSO, flows[:, 1], flows[:, 0])
    flow = torch.where(body == BACKGROUND, coordinate_grid(side, side, points.device), flow)
    # Outside the source, sampling gives 0, which means background; the background's own flow never leads outside.
    surface = torch.cat([there.bodies[:, None].to(points.dtype), there.points], dim=1)
    surface = F.grid_sample(surface, flow, mode="nearest", align_corners=True)
    same_place = ((surface[:, 1:] - points).square().sum(dim=1).sqrt() < SAME_PLACE) | (bodies == BACKGROUND)
    return flow, same_place & (surface[:, 0] == bodies)


def moved_by_expression(boxes: Tensor) -> Tensor:
    """Boxes (N, R, 4) grown by the brows above the eyes and the chin below the mouth, which is the last."""
    grown = boxes.clone()
    height = boxes[..., 3] - boxes[..., 1]
    grown[:, :-1, 1] -= BROWS * height[:, :-1]
    grown[:, -1, 3] += CHIN * height[:, -1]
    return grown
