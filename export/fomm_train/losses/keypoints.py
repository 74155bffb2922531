"""Losses of keypoints: their distance from the renderer's, and equivariance under random smooth transforms of a frame.

transform(z) = A z + b + Σ_i w_i φ(‖z − c_i‖²), φ(q) = ½ q log q: a thin-plate spline over control points c_i.

Source: Siarohin et al. 2019, section 3.1, "equivariance constraint".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid, inverse_2x2, transform_points, warp
from fomm_export.networks.keypoint_detector import Keypoints

SIGMA_AFFINE = 0.05
SIGMA_TPS = 0.005
CONTROL_POINTS = 5
SMALLEST_SQUARE = 1e-12


def landmark_loss(keypoints: Keypoints, value: Tensor, jacobian: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute differences from the renderer's (N, K, 2) values and (N, K, 2, 2) jacobians within the frames.

    A landmark outside its frame does not count: the expectation of a heatmap cannot reach it.
    """
    inside = (value.abs() < 1).all(dim=-1).to(value.dtype)  # (N, K)
    count = inside.sum().clamp_min(1)
    difference = ((keypoints.value - value).abs().mean(dim=-1) * inside).sum() / count
    if keypoints.jacobian is None:
        return difference, difference.new_zeros(())
    return difference, ((keypoints.jacobian - jacobian).abs().mean(dim=(-1, -2)) * inside).sum() / count


@dataclass(frozen=True)
class RandomTransform:
    """One thin-plate spline per frame."""

    affine: Tensor  # (N, 2, 2)
    shift: Tensor  # (N, 2)
    control_points: Tensor  # (C, 2)
    weights: Tensor  # (N, C, 2)

    @classmethod
    def draw(cls, frames: int, generator: torch.Generator, device: torch.device) -> RandomTransform:
        """Draws transforms of the published strength; equal generator states give equal transforms."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator).to(device)

        return cls(
            affine=torch.eye(2, device=device) + SIGMA_AFFINE * normal(frames, 2, 2),
            shift=SIGMA_AFFINE * normal(frames, 2),
            control_points=coordinate_grid(CONTROL_POINTS, CONTROL_POINTS).reshape(-1, 2).to(device),
            weights=SIGMA_TPS * normal(frames, CONTROL_POINTS**2, 2),
        )

    def points(self, points: Tensor) -> Tensor:
        """Transforms points: (N, P, 2) -> (N, P, 2)."""
        offset = points[:, :, None] - self.control_points  # (N, P, C, 2)
        square = offset.square().sum(dim=-1).clamp_min(SMALLEST_SQUARE)
        bend = (0.5 * square * square.log()) @ self.weights  # (N, P, 2)
        return transform_points(self.affine[:, None], points) + self.shift[:, None] + bend

    def jacobian(self, points: Tensor) -> Tensor:
        """The derivative at points: (N, P, 2) -> (N, P, 2, 2), rows for the result, columns for the variable."""
        offset = points[:, :, None] - self.control_points
        square = offset.square().sum(dim=-1).clamp_min(SMALLEST_SQUARE)
        slope = offset * (square.log() + 1)[..., None]  # (N, P, C, 2): ∂φ/∂z
        return self.affine[:, None] + torch.einsum("nca,npcb->npab", self.weights, slope)

    def frames(self, frames: Tensor, end: float | Tensor = 1.0) -> Tensor:
        """Samples (N, 3, H, W) frames along the transform: content at transform(z) moves to z.

        The centres of the first pixels are at -1, those of the last at `end`.
        """
        height, width = frames.shape[2:]
        stretch = 0.5 * (end + 1)
        grid = stretch * (coordinate_grid(height, width).to(frames) + 1) - 1
        sampled = self.points(grid.reshape(1, -1, 2).expand(len(frames), -1, -1)).reshape(-1, height, width, 2)
        # Reflect at the border: a detector would use black corners as a feature.
        reflected = 1 - (((sampled + 1) / stretch).remainder(4) - 2).abs()
        return warp(frames, reflected, align_corners=True)


def equivariance_loss(
    keypoints: Keypoints, transformed: Keypoints, transform: RandomTransform
) -> tuple[Tensor, Tensor]:
    """Mean |d − T(d')| in grid units and mean |1 − J⁻¹ · T'(d') · J'|; the second is 0 without jacobians.

    d are the keypoints of N frames, d' those of `transform.frames(frames)`.
    """
    value = (keypoints.value - transform.points(transformed.value)).abs().mean()
    if keypoints.jacobian is None or transformed.jacobian is None:
        return value, value.new_zeros(())
    moved = transform.jacobian(transformed.value) @ transformed.jacobian
    identity = torch.eye(2, device=value.device)
    return value, (identity - inverse_2x2(keypoints.jacobian) @ moved).abs().mean()
