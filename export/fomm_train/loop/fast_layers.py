"""Faster forward passes of the networks' layers for training; weights, names and, up to rounding, results are the same.

`benchmarks/studies/training_step.py` measures the gain on a CPU.

- A norm with fixed statistics is folded into the convolution before it.
- Nearest ×2 and a 3×3 convolution become one transposed convolution, 4×4 with stride 2: 4/9 of the multiplications and
  no enlarged tensor.
- Two heads over the same features become one convolution.
- The warp keeps channels last. Otherwise its sampling would reorder every tensor after it and every gradient before it.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.networks.dense_motion import DenseMotion, DenseMotionNetwork
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector, Keypoints
from fomm_export.networks.layers import DownBlock, ResidualBlock, SameBlock, UpBlock


def compute_fast(detector: KeypointDetector, generator: Generator) -> None:
    """Replaces the forward pass of every layer of both networks; each call reads training mode and weights."""
    for module in (*detector.modules(), *generator.modules()):
        if forward := _FORWARDS.get(type(module)):
            module.forward = partial(forward, module)
    generator.warp_features = partial(_warp_features, generator)  # type: ignore[method-assign]


def _same_block(block: SameBlock, x: Tensor) -> Tensor:
    return torch.relu_(_normalized(block.norm, *_convolution(block.conv, block.norm), x))


def _down_block(block: DownBlock, x: Tensor) -> Tensor:
    return F.avg_pool2d(_same_block(block, x), kernel_size=2)


def _up_block(block: UpBlock, x: Tensor) -> Tensor:
    weight, bias = _convolution(block.conv, block.norm)
    # A transposed convolution spreads each pixel by the flipped kernel: (out, in, 3, 3) -> (in, out, 4, 4).
    kernel = _for_nearest(_for_nearest(weight.flip(2, 3), 2), 3).transpose(0, 1)
    out = F.conv_transpose2d(x, kernel.contiguous(memory_format=torch.channels_last), bias, stride=2, padding=1)
    return torch.relu_(block.norm(out) if block.norm.training else out)


def _for_nearest(kernel: Tensor, side: int) -> Tensor:
    """Widens one side of a kernel from 3 to 4: entries that read the same pixel before nearest ×2 are added."""
    first, middle, last = kernel.unbind(side)
    return torch.stack([first, first + middle, middle + last, last], side)


def _residual_block(block: ResidualBlock, x: Tensor) -> Tensor:
    out = torch.relu_(block.norm1(x))
    out = torch.relu_(_normalized(block.norm2, *_convolution(block.conv1, block.norm2), out))
    result: Tensor = x + block.conv2(out)
    return result


def _detect(detector: KeypointDetector, frame: Tensor) -> Keypoints:
    features = detector.predictor(detector.down(frame))
    logits, maps = _heads(detector.kp, detector.jacobian, features)
    return detector.expectation(logits, maps)


def _move(
    network: DenseMotionNetwork, source_image: Tensor, kp_source: Keypoints, kp_driving: Keypoints
) -> DenseMotion:
    sparse_motion = network.sparse_motion(kp_source, kp_driving)
    maps = network.hourglass_input(network.down(source_image), kp_source, kp_driving, sparse_motion)
    features = network.hourglass(_channels_last(maps))
    return network.blend(sparse_motion, *_heads(network.mask, network.occlusion, features))


def _warp_features(generator: Generator, features: Tensor, deformation: Tensor) -> Tensor:
    return _channels_last(Generator.warp_features(generator, _channels_last(features), deformation))


def _heads(first: nn.Conv2d, second: nn.Conv2d | None, features: Tensor) -> tuple[Tensor, Tensor | None]:
    if second is None:
        return first(features), None
    assert first.bias is not None
    assert second.bias is not None
    weight, bias = torch.cat([first.weight, second.weight]), torch.cat([first.bias, second.bias])
    both = F.conv2d(features, weight, bias, padding=first.padding)
    return both[:, : first.out_channels], both[:, first.out_channels :]


def _convolution(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias; a norm with fixed statistics is folded into them."""
    assert conv.bias is not None
    if norm.training:
        return conv.weight, conv.bias
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return conv.weight * scale[:, None, None, None], norm.bias + (conv.bias - norm.running_mean) * scale


def _normalized(norm: nn.Module, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    out = F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
    normalized: Tensor = norm(out) if norm.training else out
    return normalized


def _channels_last(x: Tensor) -> Tensor:
    turned: Tensor = _ChannelsLast.apply(x)  # type: ignore[no-untyped-call]
    return turned


class _ChannelsLast(torch.autograd.Function):
    """The identity; tensor and gradient get channels last in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - torch passes the context
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return gradient.contiguous(memory_format=torch.channels_last)


_FORWARDS: dict[type[nn.Module], Any] = {
    SameBlock: _same_block,
    DownBlock: _down_block,
    UpBlock: _up_block,
    ResidualBlock: _residual_block,
    KeypointDetector: _detect,
    DenseMotionNetwork: _move,
}
