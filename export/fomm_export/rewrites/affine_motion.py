"""Sparse motion as K+1 affine maps: the same numbers as `DenseMotionNetwork` with far fewer operations.

Field k is T_k(z) = A_k · z + c_k with A_k = J_s,k · J_d,k⁻¹ and c_k = s_k − A_k · d_k; field 0 is the identity.
Everything except the sampling becomes products of small matrices with the grid, and a Gaussian is the product of one
along x and one along y.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fomm_export.networks.dense_motion import DenseMotionNetwork
from fomm_export.networks.geometry import inverse_2x2, warp
from fomm_export.networks.keypoint_detector import Keypoints

SMALLEST_EXPONENT = -30.0
"""Lower bound of a Gaussian's exponent along one axis. The product of two is at least exp(-60), negligible beside 1.
Below exp(-87) float32 numbers are denormal, which makes convolutions several times slower on a CPU
(docs/benchmarks.md)."""


def affine_maps(kp_source: Keypoints, kp_driving: Keypoints) -> Tensor:
    """Computes [A_k | c_k] for every field, background first -> (N, K+1, 2, 3)."""
    driving, source = kp_driving.value.unsqueeze(-1), kp_source.value.unsqueeze(-1)  # (N, K, 2, 1)
    if kp_source.jacobian is not None and kp_driving.jacobian is not None:
        linear = kp_source.jacobian @ inverse_2x2(kp_driving.jacobian)  # (N, K, 2, 2)
        shift = source - linear @ driving
    else:
        linear = torch.eye(2).expand(*driving.shape[:2], 2, 2)
        shift = source - driving
    maps = torch.cat([linear, shift], dim=-1)
    identity = torch.eye(2, 3).expand(maps.shape[0], 1, 2, 3)
    return torch.cat([identity, maps], dim=1)


def hourglass_input(
    network: DenseMotionNetwork, source_quarter: Tensor, source: Keypoints, driving: Keypoints, maps: Tensor
) -> Tensor:
    """Like `network.hourglass_input`: heatmap, R, G, B for each field -> (N, 4·(K+1), h, w)."""
    grid, variance = network.grid, network.kp_variance
    n, fields = maps.shape[:2]
    height, width = grid.shape[:2]
    heatmap = heatmaps(driving.value, grid, variance) - heatmaps(source.value, grid, variance)  # (N, K, h, w)
    heatmap = torch.cat([torch.zeros_like(heatmap[:, :1]), heatmap], dim=1).unsqueeze(2)
    deformed = warp(source_quarter, sparse_motion(maps, grid), network.align_corners)
    deformed = deformed.reshape(n, -1, fields, height, width).transpose(1, 2)  # (N, K+1, 3, h, w)
    return torch.cat([heatmap, deformed], dim=2).flatten(1, 2)


def sparse_motion(maps: Tensor, grid: Tensor) -> Tensor:
    """T_k at every pixel: maps (N, K+1, 2, 3), grid (h, w, 2) -> (N, (K+1)·h, w, 2), fields stacked in rows."""
    height, width = grid.shape[:2]
    points = torch.cat([grid.flatten(0, 1), torch.ones(height * width, 1)], dim=1)  # (h·w, 3)
    return (points @ maps.transpose(2, 3)).reshape(maps.shape[0], -1, width, 2)


def heatmaps(keypoints: Tensor, grid: Tensor, variance: float) -> Tensor:
    """exp(−½‖z − keypoint‖² / variance): keypoints (N, K, 2), grid (h, w, 2) -> (N, K, h, w)."""
    x, y = grid[0, :, 0], grid[:, 0, 1]
    across = _gaussian(x - keypoints[:, :, 0:1], variance)  # (N, K, w)
    along = _gaussian(y - keypoints[:, :, 1:2], variance)  # (N, K, h)
    return along.unsqueeze(-1) * across.unsqueeze(-2)


def _gaussian(distance: Tensor, variance: float) -> Tensor:
    return torch.exp((distance.square() * (-0.5 / variance)).clamp_min(SMALLEST_EXPONENT))


def blend(maps: Tensor, mask: Tensor, grid: Tensor) -> Tensor:
    """Σ_k mask_k · T_k: maps (N, K+1, 2, 3), mask (N, K+1, h, w), grid (h, w, 2) -> deformation (N, h, w, 2).

    The maps are blended before they are applied: Σ_k mask_k · [A_k | c_k] is one affine map per pixel.
    """
    height, width = grid.shape[:2]
    weights = maps.flatten(2).transpose(1, 2)  # (N, 6, K+1)
    blended = (weights @ mask.flatten(2)).reshape(-1, 2, 3, height, width)
    x, y = grid[..., 0], grid[..., 1]
    return (blended[:, :, 0] * x + blended[:, :, 1] * y + blended[:, :, 2]).permute(0, 2, 3, 1)
