"""Blocks of the three networks. Tensors are (N, C, H, W) float32; parameters have the published names.

Source: Siarohin et al. 2019, appendix.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SameBlock(nn.Module):
    """Convolution, batch norm, ReLU; keeps the resolution."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, kernel_size, padding=kernel_size // 2)
        self.norm: nn.Module = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H, W)."""
        out: Tensor = self.norm(self.conv(x))
        return torch.relu(out)


class DownBlock(SameBlock):
    """Convolution 3×3, batch norm, ReLU, average pool 2×2."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H/2, W/2)."""
        return F.avg_pool2d(super().forward(x), kernel_size=2)


class UpBlock(SameBlock):
    """Nearest-neighbour ×2, convolution 3×3, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, 2H, 2W)."""
        return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))


class ResidualBlock(nn.Module):
    """Pre-activation residual block: batch norm, ReLU, convolution, twice, then the sum with the input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        self.norm1: nn.Module = nn.BatchNorm2d(features)
        self.norm2: nn.Module = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        out = self.conv1(F.relu(self.norm1(x)))
        out = self.conv2(F.relu(self.norm2(out)))
        result: Tensor = x + out
        return result


class HourglassEncoder(nn.Module):
    """Down blocks; returns the input of each for the decoder."""

    def __init__(self, block_expansion: int, in_features: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        widths = [in_features] + [min(max_features, block_expansion * 2 ** (i + 1)) for i in range(num_blocks)]
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, in, H, W) -> [input, output of block 1, ...], each at half the resolution of the one before."""
        outs = [x]
        for block in self.down_blocks:
            outs.append(block(outs[-1]))
        return outs


class HourglassDecoder(nn.Module):
    """Up blocks; each output is concatenated with the encoder's tensor of the same resolution."""

    def __init__(self, block_expansion: int, in_features: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        blocks = []
        for i in reversed(range(num_blocks)):
            skip = 1 if i == num_blocks - 1 else 2
            blocks.append(
                UpBlock(
                    skip * min(max_features, block_expansion * 2 ** (i + 1)),
                    min(max_features, block_expansion * 2**i),
                )
            )
        self.up_blocks = nn.ModuleList(blocks)
        self.out_features = block_expansion + in_features

    def forward(self, skips: list[Tensor]) -> Tensor:
        """The encoder's outputs -> (N, block_expansion + in, H, W)."""
        out = skips[-1]
        for block, skip in zip(self.up_blocks, reversed(skips[:-1]), strict=True):
            out = torch.cat([block(out), skip], dim=1)
        return out


class Hourglass(nn.Module):
    """Encoder-decoder with skip connections (U-Net)."""

    def __init__(self, block_expansion: int, in_features: int, num_blocks: int, max_features: int) -> None:
        super().__init__()
        self.encoder = HourglassEncoder(block_expansion, in_features, num_blocks, max_features)
        self.decoder = HourglassDecoder(block_expansion, in_features, num_blocks, max_features)
        self.out_features = self.decoder.out_features

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, block_expansion + in, H, W)."""
        out: Tensor = self.decoder(self.encoder(x))
        return out
