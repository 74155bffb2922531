"""Heads that read the same features as one convolution, or as one along x and one along y."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MergedHeads(nn.Module):
    """Several convolutions of the same input as one, with the outputs of each.

    A convolution with fewer outputs than a vector register has lanes leaves lanes idle, and separate heads read their
    input once each.

    Args:
        convolutions: With the same kernel size and padding.
    """

    def __init__(self, convolutions: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self.outputs = [convolution.out_channels for convolution in convolutions]
        self.padding = int(convolutions[0].padding[0])
        self.weight = nn.Parameter(torch.cat([c.weight for c in convolutions]).detach(), requires_grad=False)
        self.bias = nn.Parameter(torch.cat([_bias(c) for c in convolutions]).detach(), requires_grad=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, in, H, W) -> (N, out, h, w) of each head."""
        return torch.split(F.conv2d(x, self.weight, self.bias, padding=self.padding), self.outputs, dim=1)


class SplitHeads(nn.Module):
    """Like `MergedHeads` in two steps: a convolution along x for every row of the kernel, then the sum over the rows.

    y[o, i] = Σ_r z[o, r, i + r] with z[o, r] = Σ_c w[o, c, r, :] ∗ x[c]. The work is the same, but the first step has
    one output per kernel row, which fills the vector registers. Rows of zeros are left out.

    Args:
        convolutions: With the same kernel size and padding.
    """

    def __init__(self, convolutions: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        merged = MergedHeads(convolutions)
        self.outputs, self.padding = merged.outputs, merged.padding
        out, channels, height, width = merged.weight.shape
        rows = merged.weight.transpose(1, 2).reshape(out * height, channels, 1, width)
        used = rows.flatten(1).any(dim=1)
        place = torch.eye(out * height, dtype=rows.dtype).reshape(out, height, -1)
        place = place.transpose(1, 2)  # (out, out·height, height)
        self.rows = nn.Parameter(rows[used], requires_grad=False)
        self.place = nn.Parameter(place[:, used, :, None].contiguous(), requires_grad=False)
        self.bias = merged.bias

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, in, H, W) -> (N, out, h, w) of each head."""
        rows = F.conv2d(x, self.rows, padding=(0, self.padding))
        return torch.split(F.conv2d(rows, self.place, self.bias, padding=(self.padding, 0)), self.outputs, dim=1)


def _bias(convolution: nn.Conv2d) -> Tensor:
    if convolution.bias is None:
        return convolution.weight.new_zeros(convolution.out_channels)
    return convolution.bias
