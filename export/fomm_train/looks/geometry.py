"""Random smooth maps of the picture, with exact landmarks and jacobians."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid, inverse_2x2, transform_points, warp

WAVES = 3
"""Sine waves along each axis that bend a picture."""
FREQUENCY = 1.2
_FREQUENCIES = FREQUENCY * torch.arange(1, WAVES + 1, dtype=torch.float32)
STEPS = 12
"""Iterations that invert the map. The slope of the bends is below 0.4, so 12 leave an error below 1e-5."""


@dataclass(frozen=True)
class Geometry:
    """The picture at z of a changed frame comes from T(z) = A z + b + Σ_ij w_ij sin(f_i x + φ_i) sin(f_j y + ψ_j).

    Attributes:
        affine: (N, 2, 2).
        shift: (N, 2).
        bends: (N, 2, WAVES, WAVES), the amplitudes w.
        phases: (N, 2, WAVES), radians, φ and ψ.
    """

    affine: Tensor
    shift: Tensor
    bends: Tensor
    phases: Tensor

    @classmethod
    def draw(cls, centres: Tensor, strength: Tensor, generator: torch.Generator) -> Geometry:
        """Draws framings from tight to loose that turn, squeeze and bend.

        Args:
            centres: (N, 2), the middle of a head, about which the frame turns and scales.
            strength: (N,), 0 leaves a frame as it is, 1 is usual.
            generator: Random numbers.
        """
        count = len(centres)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(count, *shape, generator=generator)

        angle = strength * 0.45 * torch.randn(count, generator=generator).clamp(-2, 2) * 0.6
        scale = torch.exp(-strength * uniform(-0.45, 0.40))  # below 1 a tight framing, above a loose one
        aspect = torch.exp(strength * uniform(-0.15, 0.15))
        cos, sin = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        affine = turn @ torch.diag_embed(torch.stack([scale * aspect, scale / aspect], -1))
        place = centres + strength[:, None] * uniform(-0.22, 0.22, 2)
        shift = centres - transform_points(affine, place)
        bends = strength[:, None, None, None] * 0.012 * torch.randn(count, 2, WAVES, WAVES, generator=generator)
        phases = 2 * torch.pi * torch.rand(count, 2, WAVES, generator=generator)
        return cls(affine, shift, bends, phases)

    def __getitem__(self, index: Tensor) -> Geometry:
        """The maps of some frames."""
        return Geometry(self.affine[index], self.shift[index], self.bends[index], self.phases[index])

    def source_of(self, points: Tensor) -> Tensor:
        """T: points (N, P, 2) of changed frames -> points of the frames."""
        bent = self._bent(points)
        return transform_points(self.affine[:, None], points) + self.shift[:, None] + bent

    def place_of(self, points: Tensor) -> Tensor:
        """T⁻¹: points (N, P, 2) of frames -> points of the changed frames."""
        inverse = inverse_2x2(self.affine)[:, None]
        found = transform_points(inverse, points - self.shift[:, None])
        for _ in range(STEPS):
            bent = self._bent(found)
            found = transform_points(inverse, points - self.shift[:, None] - bent)
        return found

    def slope(self, points: Tensor) -> Tensor:
        """T' at (N, P, 2) of changed frames: (N, P, 2, 2), row the result, column the variable."""
        across, down = self._waves(points)
        by_x = self._summed(_FREQUENCIES * across.cos(), down.sin())
        by_y = self._summed(across.sin(), _FREQUENCIES * down.cos())
        return self.affine[:, None] + torch.stack([by_x, by_y], dim=-1)

    def landmarks(self, value: Tensor, jacobian: Tensor) -> tuple[Tensor, Tensor]:
        """(N, K, 2) and (N, K, 2, 2) of frames -> those of the changed frames."""
        placed = self.place_of(value)
        return placed, inverse_2x2(self.slope(placed)) @ jacobian

    def frames(self, frames: Tensor, mode: str = "bilinear") -> Tensor:
        """Changes (N, C, H, W) frames; beyond its border a frame is reflected."""
        height, width = frames.shape[2:]
        grid = coordinate_grid(height, width).to(frames).reshape(1, -1, 2).expand(len(frames), -1, -1)
        sampled = self.source_of(grid).reshape(-1, height, width, 2)
        reflected = 1 - ((sampled + 1).remainder(4) - 2).abs()
        if mode == "bilinear":
            return warp(frames, reflected, align_corners=True)
        return F.grid_sample(frames, reflected, mode=mode, align_corners=True)

    def steps(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Motion between frames -> the motion between frames that this map has changed.

        Args:
            steps: (N, Q, s, s, 2), from each place of a frame to where another shows the same point.

        Returns:
            Steps (N, Q, s, s, 2) between the changed frames, and where each comes from in `steps` (N, s, s, 2), outside
            [-1, 1] where the changed frame reflects its border. A step comes from the nearest place: interpolation
            would mix the motions of two bodies.
        """
        count, others, side = steps.shape[:3]
        grid = coordinate_grid(side, side).to(steps).reshape(1, -1, 2).expand(count, -1, -1)
        here = self.source_of(grid)  # (N, s · s, 2)
        origin = here.reshape(count, side, side, 2)
        planes = steps.permute(0, 1, 4, 2, 3).flatten(1, 2)
        sampled = F.grid_sample(planes, origin, mode="nearest", padding_mode="border", align_corners=True)
        sampled = sampled.reshape(count, others, 2, side * side).transpose(2, 3)  # (N, Q, s · s, 2)
        ends = self.place_of((here[:, None] + sampled).flatten(1, 2)).reshape(sampled.shape)
        return (ends - grid[:, None]).reshape(steps.shape), origin

    def _bent(self, points: Tensor) -> Tensor:
        """(N, P, 2): the sum of waves at points."""
        across, down = self._waves(points)
        return self._summed(across.sin(), down.sin())

    def _waves(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The waves' angles along x and y, (N, P, WAVES) each."""
        return (
            _FREQUENCIES * points[..., 0, None] + self.phases[:, None, 0],
            _FREQUENCIES * points[..., 1, None] + self.phases[:, None, 1],
        )

    def _summed(self, across: Tensor, down: Tensor) -> Tensor:
        """Σ_ij w_ij across_i down_j: (N, P, WAVES) twice -> (N, P, 2)."""
        weighted = across @ self.bends.permute(0, 2, 1, 3).flatten(2)  # (N, P, 2 · WAVES)
        summed: Tensor = (weighted.reshape(*down.shape[:2], 2, WAVES) * down[:, :, None]).sum(-1)
        return summed
