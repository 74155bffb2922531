"""Sampling of features that lie a row a pixel: whole rows are fetched, so that the channels cost next to nothing.

A border of zeros stands for what lies outside, so that no neighbour of a point has to be asked whether it is inside;
and the four neighbours are fetched one after the other, because products of many tiny matrices cost more than sums.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def as_rows(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, R, C): a row a pixel of the features with zeros around them.

    One column left and right, one line above, two below and one more pixel, which makes R = (H + 3) · (W + 2) + 1: a
    point just outside is between the first zeros and whatever follows them.
    """
    rows = F.pad(features, (1, 1, 1, 2)).flatten(2).transpose(1, 2)
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
            rows: (N, R, C), see `as_rows`.
            points: (N, P, 2), (x, y) in [-1, 1].
            factor: (N, P) by which each result is multiplied, or None.

        Returns:
            (N·P, C).
        """
        n, count, _ = rows.shape
        left, right_weight = self._before(points[..., 0], self.width)  # (N, P)
        top, below_weight = self._before(points[..., 1], self.height)
        stride = self.width + 2
        last = (self.height + 1) * stride + self.width + 1
        # Exact in float32; bounded as integers, because not-a-number may have become any.
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
        """The pixel at or before a coordinate, from -1 to `side`, and the weight of the next one."""
        position = (coordinate + 1) * ((side - 1) / 2) if self.align_corners else ((coordinate + 1) * side - 1) / 2
        position = position.clamp(-1, side)  # far away is as far as just outside
        before = position.floor()
        return before, position - before
