"""Samples features stored one pixel per row: each neighbour is one row, whatever the number of channels.

A border of zeros represents the outside, so no neighbour needs a bounds check. The four neighbours are fetched one
after the other; one product of many tiny matrices is slower than four sums.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def as_rows(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, R, C): one row per pixel of the features, padded with zeros.

    The padding is one column on each side, one line above, two below and one more pixel: R = (H + 3) · (W + 2) + 1. So
    the four neighbours of a point just outside exist.
    """
    rows = F.pad(features, (1, 1, 1, 2)).flatten(2).transpose(1, 2)
    return torch.cat([rows, torch.zeros_like(rows[:, :1])], dim=1)


class RowWarp(nn.Module):
    """Bilinear sampling with zeros outside, like `torch.nn.functional.grid_sample`; NaN coordinates give NaN.

    Args:
        height, width: Of the features.
        align_corners: Convention of the coordinates.
    """

    def __init__(self, height: int, width: int, align_corners: bool) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.align_corners = align_corners

    def forward(self, rows: Tensor, points: Tensor, factor: Tensor | None) -> Tensor:
        """Samples features and scales the results.

        Args:
            rows: (N, R, C) from `as_rows`.
            points: (N, P, 2), (x, y) in [-1, 1].
            factor: (N, P), multiplies each result; None for 1.

        Returns:
            (N·P, C).
        """
        n, count, _ = rows.shape
        left, right_weight = self._before(points[..., 0], self.width)  # (N, P)
        top, below_weight = self._before(points[..., 1], self.height)
        stride = self.width + 2
        last = (self.height + 1) * stride + self.width + 1
        # Exact in float32. NaN converts to an arbitrary integer, hence the clamp after the conversion.
        first = ((top + 1) * stride + (left + 1)).int().clamp(0, last)
        first = first + torch.arange(n, dtype=torch.int32).unsqueeze(1) * count
        left_weight, above_weight = 1 - right_weight, 1 - below_weight
        if factor is not None:
            above_weight, below_weight = above_weight * factor, below_weight * factor

        def fetched(offset: int, weight: Tensor) -> Tensor:
            return rows.flatten(0, 1).index_select(0, (first + offset).flatten()) * weight.reshape(-1, 1)

        above = fetched(0, above_weight * left_weight) + fetched(1, above_weight * right_weight)
        return above + fetched(stride, below_weight * left_weight) + fetched(stride + 1, below_weight * right_weight)

    def _before(self, coordinate: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Returns the pixel at or before a coordinate, -1 to `side`, and the weight of the next pixel."""
        position = (coordinate + 1) * ((side - 1) / 2) if self.align_corners else ((coordinate + 1) * side - 1) / 2
        position = position.clamp(-1, side)  # farther outside, all neighbours are zeros
        before = position.floor()
        return before, position - before
