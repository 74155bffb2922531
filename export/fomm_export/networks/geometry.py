"""Coordinates, 2×2 matrices and sampling. Coordinates are (x, y); -1 and 1 are the centres of the corner pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_rt.motion.transfer import SMALLEST_DETERMINANT


def coordinate_grid(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """(height, width, 2) float32, the (x, y) of every pixel; created on the device, which spares a copy."""
    y = torch.linspace(-1, 1, height, device=device)
    x = torch.linspace(-1, 1, width, device=device)
    return torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)], dim=-1)


def inverse_2x2(matrix: Tensor) -> Tensor:
    """Inverts (..., 2, 2) matrices in closed form, finite for singular ones; `torch.inverse` has no ONNX operator."""
    a, b = matrix[..., 0, 0], matrix[..., 0, 1]
    c, d = matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = a * d - b * c
    smallest = torch.where(determinant < 0, -SMALLEST_DETERMINANT, SMALLEST_DETERMINANT)
    determinant = torch.where(determinant.abs() < SMALLEST_DETERMINANT, smallest, determinant)
    adjugate = torch.stack([torch.stack([d, -b], dim=-1), torch.stack([-c, a], dim=-1)], dim=-2)
    return adjugate / determinant[..., None, None]


def transform_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Applies (..., 2, 2) matrices to (..., 2) points; a batched 2×2 matrix product would be mostly overhead."""
    x, y = points[..., 0], points[..., 1]
    return torch.stack(
        [matrix[..., 0, 0] * x + matrix[..., 0, 1] * y, matrix[..., 1, 0] * x + matrix[..., 1, 1] * y], dim=-1
    )


def warp(picture: Tensor, deformation: Tensor, align_corners: bool) -> Tensor:
    """Samples (N, C, H, W) bilinearly at the (N, h, w, 2) positions, zeros outside -> (N, C, h, w)."""
    return F.grid_sample(picture, deformation, mode="bilinear", padding_mode="zeros", align_corners=align_corners)
