"""Losses between motion networks' maps and what the renderer knows of the motion."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.generator import resize, resize_deformation
from fomm_export.networks.geometry import coordinate_grid
from fomm_train.faces.drawing.canvas import BACKGROUND, HEAD, TORSO
from fomm_train.losses.prediction import inside_boxes

SAME_PLACE = 0.2
"""How far apart two seen points may be to be one place, in head units: a place of the grid, seen aslant."""
BROWS, CHIN = 0.6, 0.5
"""How far beyond the boxes of eyes and mouth expression moves the surface, in heights of the boxes."""
HEAD_WEIGHT = 3.0
"""How much a place of the head counts against one of torso or background: the eye is on it."""


class TrueMotion(NamedTuple):
    """The motion of N pairs on the renderer's s×s grid, whose corners are those of the picture; see `true_motion`.

    Attributes:
        flow: (N, s, s, 2) float32, where the source shows what the truth shows, (x, y) in [-1, 1].
        shown: (N, s, s) bool, whether the source shows it.
        weight: (N, s, s) float32, how much a place counts: nothing from brows to lower lids and from mouth to chin,
            which expression moves.
    """

    flow: Tensor
    shown: Tensor
    weight: Tensor


@torch.no_grad()
def true_motion(
    bodies: Tensor, points: Tensor, source_bodies: Tensor, source_points: Tensor, views: Tensor, boxes: Tensor
) -> TrueMotion:
    """The motion of rigid heads and torsos before a background that stays.

    The source shows a place of head or torso if that very place is where the flow leads; the background, where it is
    background as well.

    Args:
        bodies, source_bodies: (N, s, s) uint8 of truth and source: 0 background, 1 head, 2 torso.
        points, source_points: (N, 3, s, s) float32, where on that body.
        views: (N, 2, 2, 4) float32 of the source: head's and torso's coordinates to picture positions.
        boxes: (N, R, 4) float32 of the truth: eyes and, last, mouth, as fractions of the side.

    Returns:
        Of every pair, without gradients.
    """
    side = bodies.shape[-1]
    solid = torch.cat([points, torch.ones_like(points[:, :1])], dim=1)  # (N, 4, s, s)
    flows = torch.einsum("nbij,njhw->nbhwi", views, solid)  # (N, 2, s, s, 2)
    body = bodies[..., None]
    flow = torch.where(body == TORSO, flows[:, 1], flows[:, 0])
    flow = torch.where(body == BACKGROUND, coordinate_grid(side, side, points.device), flow)
    # Outside of the source all is zero: nobody's place, but background, which never leads there.
    there = torch.cat([source_bodies[:, None].to(points.dtype), source_points], dim=1)
    there = F.grid_sample(there, flow, mode="nearest", align_corners=True)
    same_place = ((there[:, 1:] - points).square().sum(dim=1).sqrt() < SAME_PLACE) | (bodies == BACKGROUND)
    weight = torch.where(bodies == HEAD, HEAD_WEIGHT, 1.0) * ~inside_boxes(_moved_by_expression(boxes), side)[:, 0]
    return TrueMotion(flow, same_place & (there[:, 0] == bodies), weight)


def flow_loss(deformation: Tensor, true: TrueMotion) -> Tensor:
    """Weighted mean absolute difference of a deformation from the true one, where the source shows something.

    Args:
        deformation: (N, h, w, 2), (x, y) in [-1, 1]; resized to the grid of `true` when sizes differ.
        true: Of the same pairs.
    """
    weight = true.weight * true.shown
    difference = resize_deformation(deformation, true.flow.shape[1:3], align_corners=True) - true.flow
    return (difference.abs().mean(dim=-1) * weight).sum() / weight.sum().clamp_min(1)


def occlusion_loss(occlusion_map: Tensor, true: TrueMotion) -> Tensor:
    """Weighted mean cross-entropy between an occlusion map and whether the source shows a place.

    Args:
        occlusion_map: (N, 1, h, w) in [0, 1], 1 for shown; resized to the grid of `true` when sizes differ.
        true: Of the same pairs.
    """
    found = resize(occlusion_map, true.shown.shape[1:], align_corners=True)[:, 0]
    entropy = F.binary_cross_entropy(found, true.shown.to(found.dtype), reduction="none")
    return (entropy * true.weight).sum() / true.weight.sum().clamp_min(1)


def _moved_by_expression(boxes: Tensor) -> Tensor:
    """(N, R, 4) boxes of eyes and, last, mouth, with the brows above and the chin below."""
    grown = boxes.clone()
    height = boxes[..., 3] - boxes[..., 1]
    grown[:, :-1, 1] -= BROWS * height[:, :-1]
    grown[:, -1, 3] += CHIN * height[:, -1]
    return grown
