"""What the networks begin with, so that few steps suffice.

Published training begins with random weights and lets batch norm use the statistics of every batch. In small batches
those statistics differ from batch to batch, and with them the colours of the result. Here the generator begins as a
blurred copy of its input, and its norms keep the statistics they were given before the first step.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import torch
from torch import Tensor, nn

from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_export.networks.layers import ResidualBlock, SameBlock

COLOURS = 3
COLOUR_SHIFT = 2.0
"""Standard deviations by which normalised colours are lifted, so that the ReLU lets most of them through."""


def start_at_identity(detector: KeypointDetector) -> None:
    """Jacobians begin as the identity, whatever the picture (as published)."""
    if detector.jacobian is not None:
        nn.init.zeros_(detector.jacobian.weight)
        with torch.no_grad():
            bias = _bias(detector.jacobian)
            bias.copy_(torch.tensor([1.0, 0, 0, 1]).repeat(len(bias) // 4))


@torch.no_grad()
def pass_colours(generator: Generator) -> None:
    """Lets the first three channels carry red, green and blue from end to end; residual blocks begin as nothing."""
    for module in (generator.first, *generator.down_blocks, *generator.up_blocks):
        assert isinstance(module, SameBlock)
        assert isinstance(module.norm, nn.BatchNorm2d)
        _pass_three_channels(module.conv, 0.0)
        module.norm.bias[:COLOURS] = COLOUR_SHIFT
    _pass_three_channels(generator.final, -COLOUR_SHIFT)
    for residual in generator.bottleneck:
        assert isinstance(residual, ResidualBlock)
        nn.init.zeros_(residual.conv2.weight)
        _bias(residual.conv2).zero_()


def _pass_three_channels(convolution: nn.Conv2d, shift: float) -> None:
    middle = convolution.kernel_size[0] // 2
    convolution.weight[:COLOURS] = 0
    for colour in range(COLOURS):
        convolution.weight[colour, colour, middle, middle] = 1
    _bias(convolution)[:COLOURS] = shift


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


@torch.no_grad()
def measure_statistics(generator: Generator, pictures: Iterable[Tensor]) -> None:
    """Gives the norms of encoder and decoder the mean statistics of (N, 3, S, S) pictures, encoded and decoded."""
    norms = [m for m in image_modules(generator) if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for picture in pictures:
        generator.decode(generator.encode(picture))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def image_modules(generator: Generator) -> Iterable[nn.Module]:
    """All modules of the encoder and the decoder, without those of the dense motion."""
    parts = (generator.first, generator.down_blocks, generator.bottleneck, generator.up_blocks, generator.final)
    return chain.from_iterable(part.modules() for part in parts)
