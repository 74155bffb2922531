"""Exact rewrites that save work on every backend.

- A batch norm folds into the convolution before it. In a residual block norm2 folds into conv1; norm1 cannot fold.
- Nearest ×2 and a 3×3 convolution become one transposed convolution with 4/9 of the multiplications.
- The blend mask becomes a fourth channel of the last convolution.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fomm_export.networks.layers import ResidualBlock, SameBlock, UpBlock
from fomm_export.networks.model import Networks

Network = TypeVar("Network", bound=nn.Module)


class TransposedUpBlock(nn.Module):
    """An UpBlock as one transposed convolution (kernel 4, stride 2, padding 1) and a ReLU."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            convolution.in_channels, convolution.out_channels, kernel_size=4, stride=2, padding=1
        )
        assert convolution.bias is not None
        self.conv.weight = nn.Parameter(transposed_kernel(convolution.weight), requires_grad=False)
        self.conv.bias = nn.Parameter(convolution.bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, 2H, 2W)."""
        return F.relu(self.conv(x))


def transposed_kernel(weight: Tensor) -> Tensor:
    """Sums the taps of a 3×3 kernel that fall on the same pixel before nearest ×2.

    Along one axis, the three taps (a, b, c) become (c, b + c, a + b, a).

    Args:
        weight: (out, in, 3, 3), of the convolution.

    Returns:
        (in, out, 4, 4), of the transposed convolution.
    """
    spread = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], dtype=torch.float64)  # (4, 3)
    return torch.einsum("ai,bj,ocij->coab", spread, spread, weight.double()).to(weight.dtype).contiguous()


def rewrite_for_inference(networks: Networks) -> Networks:
    """Returns rewritten copies of the networks."""
    folded = fold_all_norms(networks)
    for network in (folded.kp_detector, folded.generator):
        _transpose_up_blocks(network)
    generator = folded.generator
    generator.final, generator.blend_mask = generator.merged_last_convolution(), None
    return folded


def fold_all_norms(networks: Networks) -> Networks:
    """Returns copies of the networks with folded norms and up blocks as published."""
    return replace(networks, kp_detector=fold_norms(networks.kp_detector), generator=fold_norms(networks.generator))


def fold_norms(network: Network) -> Network:
    """Returns a copy of a network with batch norms folded into the convolutions before them."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            module.conv1, module.norm2 = _fold(module.conv1, module.norm2), nn.Identity()
        elif isinstance(module, SameBlock):
            module.conv, module.norm = _fold(module.conv, module.norm), nn.Identity()
    return network


def _transpose_up_blocks(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.ModuleList):
            for i, block in enumerate(module):
                if isinstance(block, UpBlock):
                    module[i] = TransposedUpBlock(block.conv)


def _fold(convolution: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)
