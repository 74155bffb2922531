"""Initial weights and statistics that make few steps suffice.

Published training begins with random weights, and its batch norms use the statistics of each batch. In small batches
those statistics vary, and the colours of the result vary with them. Here the generator begins as a blurred copy of its
input, and its norms keep the statistics measured before the first step.
"""

from collections.abc import Iterable
from itertools import chain

import torch
from torch import Tensor, nn

from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_export.networks.layers import ResidualBlock, SameBlock

COLOURS = 3
BLEND_BIAS, BLEND_WEIGHTS = -1.0, 0.01
"""Bias and standard deviation of the weights of a new blend mask: it shows about a third of the source everywhere."""
COLOUR_SHIFT = 2.0
"""Offset of normalised colours, in standard deviations; it takes most of them through the ReLU."""


def start_at_identity(detector: KeypointDetector) -> None:
    """Makes every jacobian the identity, whatever the frame (as published)."""
    if detector.jacobian is not None:
        nn.init.zeros_(detector.jacobian.weight)
        with torch.no_grad():
            _bias(detector.jacobian).view(-1, 4).copy_(torch.tensor([1.0, 0, 0, 1]))


@torch.no_grad()
def pass_colours(generator: Generator) -> None:
    """Makes the first three channels carry red, green and blue from end to end; residual blocks begin at zero."""
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


def start_blending(generator: Generator) -> None:
    """Makes the blend mask, if there is one, nearly the same everywhere."""
    if generator.blend_mask is not None:
        nn.init.normal_(generator.blend_mask.weight, std=BLEND_WEIGHTS)
        nn.init.constant_(_bias(generator.blend_mask), BLEND_BIAS)


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
    """Sets the norms of encoder and decoder to the mean statistics of coding batches of (N, 3, S, S) pictures."""
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
    """All modules of encoder and decoder, without the dense-motion network."""
    parts = (generator.first, generator.down_blocks, generator.bottleneck, generator.up_blocks, generator.final)
    return chain.from_iterable(part.modules() for part in parts)
