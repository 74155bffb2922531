"""Losses between the dense-motion network's maps and the renderer's motion."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.generator import resize, resize_deformation
from fomm_train.faces import HEAD

HEAD_WEIGHT = 3.0
"""Weight of a point of the head relative to torso and background: viewers look at the head."""


class TrueMotion(NamedTuple):
    """The motion of N pairs on the renderer's s×s grid; the grid's corners are the picture's corner pixels."""

    flow: Tensor  # (N, s, s, 2) float32, (x, y) in [-1, 1]: the source position of the point that the truth shows
    shown: Tensor  # (N, s, s) bool, True where the source shows that point
    weight: Tensor  # (N, s, s) float32; 0 where the renderer does not know the motion


def motion_weight(bodies: Tensor, known: Tensor) -> Tensor:
    """(N, s, s): the weight of every point of the truth, whose bodies and known motion are (N, s, s)."""
    return torch.where(bodies == HEAD, HEAD_WEIGHT, 1.0) * known


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
