"""The anti-aliased downsampling in front of the detector and of dense motion, and the kernel that checkpoints store."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_rt.model.blur import Blur, published_blur

LARGEST_KERNEL = 511
"""Pixels; the side of the kernel of factor 128."""

GAUSSIAN_TOLERANCE = 4
"""A stored kernel is a Gaussian if no value is farther from it than this many roundings of the largest value."""


class AntiAliasDownsample(nn.Module):
    """Blurs and keeps every `factor`-th pixel, starting at 0, in one strided depthwise convolution.

    Zeros surround the picture. The kernel is `published_blur(factor)` until a stored one replaces it.

    Attributes:
        blur: The Gaussian of the kernel; None if it is not a Gaussian.
    """

    weight: Tensor

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.channels = channels
        self.factor = factor
        self.blur: Blur | None = published_blur(factor)
        self.register_buffer("weight", self._repeated(gaussian_kernel(self.blur)), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H / factor, W / factor)."""
        if self.factor == 1:
            return picture
        radius = self.weight.shape[-1] // 2
        return F.conv2d(picture, self.weight, stride=self.factor, padding=radius, groups=self.channels)

    def use_stored(self, kernel: Tensor, trained_factor: int) -> None:
        """Replaces the kernel by the one that a checkpoint stores.

        A Gaussian is scaled to frames of another size than those of the training.

        Args:
            kernel: (C, 1, side, side), floating point.
            trained_factor: The factor that the network was trained with.

        Raises:
            ValueError: The kernel is not a blur, or it is not a Gaussian and the factors differ.
        """
        if trained_factor == 1:
            return  # The picture is not downsampled in training; the published code then stores 0 / 0.
        _check_blur(kernel, self.channels)
        blur = gaussian_of(kernel, trained_factor)
        if blur is None and self.factor != trained_factor:
            raise ValueError("it is not a Gaussian, so it fits frames of the training size only")
        self.blur = None if blur is None else blur.scaled(self.factor / trained_factor)
        self.weight = kernel.float() if self.blur is None else self._repeated(gaussian_kernel(self.blur))

    def _repeated(self, kernel: Tensor) -> Tensor:
        return kernel.expand(self.channels, 1, -1, -1).contiguous()


def gaussian_kernel(blur: Blur) -> Tensor:
    """(side, side) float32 with sum 1."""
    if blur.radius == 0:
        return torch.ones(1, 1)
    offsets = torch.arange(-blur.radius, blur.radius + 1, dtype=torch.float64)
    line = torch.exp(-(offsets**2) / (2 * blur.sigma**2))
    kernel = line[:, None] * line[None, :]
    return (kernel / kernel.sum()).float()


def gaussian_of(kernel: Tensor, trained_factor: int) -> Blur | None:
    """The Gaussian that a stored kernel holds, within the rounding of its dtype; None if it holds none.

    Args:
        kernel: (C, 1, side, side), floating point; side odd.
        trained_factor: Its published blur is tried first, so that a rounded copy of that kernel gives it exactly.
    """
    radius = kernel.shape[-1] // 2
    line = kernel[0, 0].double().sum(0)
    blurs = [published_blur(trained_factor)]
    if radius and line[radius] > line[radius + 1] > 0:
        sigma = math.sqrt(0.5 / math.log(line[radius] / line[radius + 1]))
        blurs += [Blur(round(sigma, 3), radius), Blur(sigma, radius)]
    rounding = max(torch.finfo(kernel.dtype).eps, torch.finfo(torch.float32).eps)
    for blur in blurs:
        if blur.radius == radius:
            exact = gaussian_kernel(blur).double()
            if (kernel.double() - exact).abs().max() <= GAUSSIAN_TOLERANCE * rounding * exact.max():
                return blur
    return None


def _check_blur(kernel: Tensor, channels: int) -> None:
    side = kernel.shape[-1] if kernel.ndim == 4 else 0
    if tuple(kernel.shape) != (channels, 1, side, side) or side % 2 == 0 or not 1 < side <= LARGEST_KERNEL:
        shape = "×".join(map(str, kernel.shape)) or "scalar"
        raise ValueError(f"expected {channels}×1×n×n with an odd n of at most {LARGEST_KERNEL}; it is {shape}")
    sums = kernel.double().sum(dim=(1, 2, 3))
    if not bool(((sums - 1).abs() < 0.02).all()):
        raise ValueError(f"expected a blur, whose values add up to 1; they add up to {sums[0]:.3g}")
