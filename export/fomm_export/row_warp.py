"""Sampling of features that lie a row a pixel: whole rows are fetched, so that the channels cost next to nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def as_rows(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H·W + 1, C): a row a pixel, and a row of zeros for what lies outside."""
    rows = features.flatten(2).transpose(1, 2)
    return torch.cat([rows, torch.zeros_like(rows[:, :1])], dim=1)


class RowWarp(nn.Module):
    """Bilinear sampling, zeros outside, as `torch.nn.functional.grid_sample`; not-a-number gives not-a-number.

    Args:
        height, width: Of the features.
        align_corners: Convention of the coordinates.
    """

    def __init__(self, height: int, width: int, align_corners: bool) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.align_corners = align_corners

    def forward(self, rows: Tensor, points: Tensor, factor: Tensor | None) -> Tensor:
        """Samples and scales.

        Args:
            rows: (N, H·W + 1, C), see `as_rows`.
            points: (N, P, 2), (x, y) in [-1, 1].
            factor: (N, P) by which each result is multiplied, or None.

        Returns:
            (N·P, C).
        """
        n, count, channels = rows.shape
        x, x_weights = self._corners(points[..., 0], self.width)  # (N, P, 2)
        y, y_weights = self._corners(points[..., 1], self.height)
        inside = ((x >= 0) & (x < self.width)).unsqueeze(2) & ((y >= 0) & (y < self.height)).unsqueeze(3)
        index = torch.where(inside, y.unsqueeze(3) * self.width + x.unsqueeze(2), count - 1)  # (N, P, 2, 2)
        index = index + torch.arange(n).reshape(n, 1, 1, 1) * count
        weights = y_weights.unsqueeze(3) * x_weights.unsqueeze(2)
        if factor is not None:
            weights = weights * factor[..., None, None]
        fetched = rows.flatten(0, 1).index_select(0, index.flatten()).reshape(-1, 4, channels)
        return (weights.reshape(-1, 1, 4) @ fetched).squeeze(1)

    def _corners(self, coordinate: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Numbers (int64) and weights of the two pixels on either side, (..., 2) each."""
        position = (coordinate + 1) * ((side - 1) / 2) if self.align_corners else ((coordinate + 1) * side - 1) / 2
        # Far away is as far as just outside, and fits an integer.
        position = position.clamp(-2, side + 1)
        floor = position.floor()
        fraction = position - floor
        first = floor.long()
        return torch.stack([first, first + 1], dim=-1), torch.stack([1 - fraction, fraction], dim=-1)
