"""Losses between the dense-motion network's maps and the renderer's motion."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.generator import resize, resize_deformation
from fomm_export.networks.geometry import coordinate_grid
from fomm_train.faces import BACKGROUND, HEAD, TORSO
from fomm_train.losses.prediction import inside_boxes

SAME_PLACE = 0.2
"""Largest distance in head units at which two points count as one: a grid cell on a slanted surface."""
BROWS, CHIN = 0.6, 0.5
"""How far expression moves the surface above the boxes of eyes and below the box of the mouth, in box heights."""
HEAD_WEIGHT = 3.0
"""Weight of a point of the head relative to torso and background: viewers look at the head."""


class TrueMotion(NamedTuple):
    """The motion of N pairs on the renderer's s×s grid; the grid's corners are the picture's corner pixels."""

    flow: Tensor  # (N, s, s, 2) float32, (x, y) in [-1, 1]: the source position of the point that the truth shows
    shown: Tensor  # (N, s, s) bool, True where the source shows that point
    weight: Tensor  # (N, s, s) float32; 0 from brows to lower lids and from mouth to chin, which expression moves


@torch.no_grad()
def true_motion(
    bodies: Tensor, points: Tensor, source_bodies: Tensor, source_points: Tensor, views: Tensor, boxes: Tensor
) -> TrueMotion:
    """The motion of rigid heads and torsos before a still background, without gradients.

    The source shows a point of head or torso if the flow leads to that same point, and the background where it shows
    background too. Bodies are (N, s, s), points on them (N, 3, s, s), views of the source (N, 2, 2, 4) and boxes of the
    truth (N, R, 4), as in `FrameGroup`; the last box is the mouth's.
    """
    side = bodies.shape[-1]
    solid = torch.cat([points, torch.ones_like(points[:, :1])], dim=1)  # (N, 4, s, s)
    flows = torch.einsum("nbij,njhw->nbhwi", views, solid)  # (N, 2, s, s, 2)
    body = bodies[..., None]
    flow = torch.where(body == TORSO, flows[:, 1], flows[:, 0])
    flow = torch.where(body == BACKGROUND, coordinate_grid(side, side, points.device), flow)
    # Outside the source, sampling gives 0, which means background; the background's own flow never leads outside.
    there = torch.cat([source_bodies[:, None].to(points.dtype), source_points], dim=1)
    there = F.grid_sample(there, flow, mode="nearest", align_corners=True)
    same_place = ((there[:, 1:] - points).square().sum(dim=1).sqrt() < SAME_PLACE) | (bodies == BACKGROUND)
    weight = torch.where(bodies == HEAD, HEAD_WEIGHT, 1.0) * ~inside_boxes(_moved_by_expression(boxes), side)[:, 0]
    return TrueMotion(flow, same_place & (there[:, 0] == bodies), weight)


def flow_loss(deformation: Tensor, true: TrueMotion) -> Tensor:
    """Weighted mean absolute difference of an (N, h, w, 2) deformation from the true flow, where shown."""
    weight = true.weight * true.shown
    difference = resize_deformation(deformation, true.flow.shape[1:3], align_corners=True) - true.flow
    return (difference.abs().mean(dim=-1) * weight).sum() / weight.sum().clamp_min(1)


def occlusion_loss(occlusion_map: Tensor, true: TrueMotion) -> Tensor:
    """Weighted mean cross-entropy between (N, 1, h, w) occlusion maps and the points that the source shows."""
    found = resize(occlusion_map, true.shown.shape[1:], align_corners=True)[:, 0]
    entropy = F.binary_cross_entropy(found, true.shown.to(found.dtype), reduction="none")
    return (entropy * true.weight).sum() / true.weight.sum().clamp_min(1)


def _moved_by_expression(boxes: Tensor) -> Tensor:
    """Boxes (N, R, 4) grown by the brows above the eyes and the chin below the mouth."""
    grown = boxes.clone()
    height = boxes[..., 3] - boxes[..., 1]
    grown[:, :-1, 1] -= BROWS * height[:, :-1]
    grown[:, -1, 3] += CHIN * height[:, -1]
    return grown
