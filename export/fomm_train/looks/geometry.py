"""Random smooth maps of the picture, with exact landmarks and jacobians."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid, inverse_2x2, transform_points, warp

WAVES = 3
"""Sine waves along each axis that bend a picture."""
FREQUENCY = 1.2
STEPS = 12
"""Of the fixed-point iteration that inverts the map; its slope is below 0.4, so 12 leave less than 1e-5."""


@dataclass(frozen=True)
class Geometry:
    """What a changed frame shows at z comes from T(z) = A z + b + Σ_ij w_ij sin(f_i x + φ_ij) sin(f_j y + ψ_ij).

    Attributes:
        affine: (N, 2, 2).
        shift: (N, 2).
        bends: (N, 2, WAVES, WAVES), the amplitudes w.
        phases: (N, 2, WAVES, WAVES), radians, φ and ψ.
    """

    affine: Tensor
    shift: Tensor
    bends: Tensor
    phases: Tensor

    @classmethod
    def draw(cls, centres: Tensor, strength: Tensor, generator: torch.Generator) -> Geometry:
        """Framings from tight to loose, turned, squeezed and bent.

        Args:
            centres: (N, 2), about what the frame turns and scales: the middle of a head.
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
        phases = 2 * torch.pi * torch.rand(count, 2, WAVES, WAVES, generator=generator)
        return cls(affine, shift, bends, phases)

    def __getitem__(self, index: Tensor) -> Geometry:
        """Some of the maps."""
        return Geometry(self.affine[index], self.shift[index], self.bends[index], self.phases[index])

    def source_of(self, points: Tensor) -> Tensor:
        """T: (N, P, 2) of changed frames -> where the frames show it."""
        bent, _ = self._bend(points)
        return transform_points(self.affine[:, None], points) + self.shift[:, None] + bent

    def place_of(self, points: Tensor) -> Tensor:
        """T⁻¹: (N, P, 2) of frames -> where the changed frames show it."""
        inverse = inverse_2x2(self.affine)[:, None]
        found = transform_points(inverse, points - self.shift[:, None])
        for _ in range(STEPS):
            bent, _ = self._bend(found)
            found = transform_points(inverse, points - self.shift[:, None] - bent)
        return found

    def slope(self, points: Tensor) -> Tensor:
        """T' at (N, P, 2) of changed frames: (N, P, 2, 2), row the result, column the variable."""
        _, slope = self._bend(points)
        return self.affine[:, None] + slope

    def landmarks(self, value: Tensor, jacobian: Tensor) -> tuple[Tensor, Tensor]:
        """(N, K, 2) and (N, K, 2, 2) of frames -> those of the changed frames."""
        placed = self.place_of(value)
        return placed, inverse_2x2(self.slope(placed)) @ jacobian

    def frames(self, frames: Tensor, mode: str = "bilinear") -> Tensor:
        """(N, C, H, W) changed; beyond its border a frame is reflected."""
        height, width = frames.shape[2:]
        grid = coordinate_grid(height, width).to(frames).reshape(1, -1, 2).expand(len(frames), -1, -1)
        sampled = self.source_of(grid).reshape(-1, height, width, 2)
        reflected = 1 - ((sampled + 1).remainder(4) - 2).abs()
        if mode == "bilinear":
            return warp(frames, reflected, align_corners=True)
        return torch.nn.functional.grid_sample(frames, reflected, mode=mode, align_corners=True)

    def flow(self, source: Geometry, flow: Tensor) -> Tensor:
        """A flow between frames -> the flow between changed frames.

        Args:
            source: The geometry of the source frames; this one is that of the driving frames.
            flow: (N, H, W, 2), where the source frame shows what the driving frame shows.

        Returns:
            (N, H, W, 2) between the changed frames, sampled from the flow; beyond the border it repeats.
        """
        count, height, width = flow.shape[:3]
        grid = coordinate_grid(height, width).to(flow).reshape(1, -1, 2).expand(count, -1, -1)
        here = self.source_of(grid)
        sampled = torch.nn.functional.grid_sample(
            flow.permute(0, 3, 1, 2), here.reshape(count, height, width, 2), padding_mode="border", align_corners=True
        )
        return source.place_of(sampled.flatten(2).transpose(1, 2)).reshape(count, height, width, 2)

    def _bend(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of waves at (N, P, 2), and its derivative (N, P, 2, 2)."""
        frequency = FREQUENCY * torch.arange(1, WAVES + 1, dtype=points.dtype, device=points.device)
        across = frequency[:, None] * points[..., 0, None, None] + self.phases[:, None, 0]  # (N, P, i, j)
        down = frequency * points[..., 1, None, None] + self.phases[:, None, 1]
        weights = self.bends[:, None]  # (N, 1, 2, i, j)
        value = (weights * (across.sin() * down.sin())[:, :, None]).sum((-1, -2))
        by_x = (weights * (frequency[:, None] * across.cos() * down.sin())[:, :, None]).sum((-1, -2))
        by_y = (weights * (frequency * across.sin() * down.cos())[:, :, None]).sum((-1, -2))
        return value, torch.stack([by_x, by_y], dim=-1)
