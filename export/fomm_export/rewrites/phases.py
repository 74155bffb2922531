"""Up blocks and the last convolution on phases: the four pixels that one pixel of half the resolution becomes.

After nearest ×2, a 3×3 convolution computes each phase (p, q) of row and column from 2×2 pixels, so an up block is four
small convolutions with 4/9 of the multiplications. The last convolution reads the phases as channels, so the features
are never assembled at full resolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.rewrites.heads import SplitHeads

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))

TAPS = torch.tensor([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], dtype=torch.float64)
"""[phase, tap of 2, tap of 3]: 1 where a tap of the 3-tap kernel falls on that pixel of the 2-tap kernel."""


class PhaseUpBlock(nn.Module):
    """An up block (nearest ×2, 3×3 convolution, ReLU) as four 2×2 convolutions.

    Args:
        convolution: 3×3, padding 1, with its norm folded in.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        kernel = convolution.weight.detach().double()
        assert convolution.bias is not None
        self.bias = nn.Parameter(convolution.bias.detach().clone(), requires_grad=False)
        self.kernels = nn.ParameterList(
            nn.Parameter(
                torch.einsum("ai,bj,ocij->ocab", TAPS[p], TAPS[q], kernel).to(convolution.weight.dtype).contiguous(),
                requires_grad=False,
            )
            for p, q in PHASES
        )

    def phases(self, x: Tensor) -> list[Tensor]:
        """(N, in, H, W) -> four (N, out, H, W) in the order of PHASES."""
        return [
            F.relu(F.conv2d(F.pad(x, (1 - q, q, 1 - p, p)), kernel, self.bias))
            for (p, q), kernel in zip(PHASES, self.kernels, strict=True)
        ]

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, 2H, 2W)."""
        return interleave(self.phases(x))


def interleave(phases: list[Tensor]) -> Tensor:
    """Four (N, C, H, W) in the order of PHASES -> (N, C, 2H, 2W)."""
    n, channels, height, width = phases[0].shape
    rows = [torch.stack(phases[i : i + 2], dim=-1).reshape(n, channels, height, 1, 2 * width) for i in (0, 2)]
    return torch.cat(rows, dim=3).reshape(n, channels, 2 * height, 2 * width)


class PhaseFinal(nn.Module):
    """The last convolution and the sigmoid, on the phases of the up block before.

    Args:
        convolution: Odd kernel, "same" padding, (in → out) channels at full resolution.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        over_phases = phase_convolution(convolution)
        self.out_channels = convolution.out_channels
        self.convolution = SplitHeads([over_phases])

    def forward(self, phases: list[Tensor]) -> Tensor:
        """Four (N, in, H, W) in the order of PHASES -> (N, out, 2H, 2W) in [0, 1]."""
        (picture,) = self.convolution(torch.cat(phases, dim=1))
        return interleave(list(torch.split(torch.sigmoid(picture), self.out_channels, dim=1)))


def phase_convolution(convolution: nn.Conv2d) -> nn.Conv2d:
    """Rewrites a convolution at full resolution as one at half, from four phases of channels to four."""
    out, channels, side, _ = convolution.weight.shape
    radius = side // 2
    reach = (radius + 1) // 2
    kernel = convolution.weight.new_zeros(4, out, 4, channels, 2 * reach + 1, 2 * reach + 1)
    for to, (p, q) in enumerate(PHASES):
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                y, x = p + dy, q + dx
                kernel[to, :, PHASES.index((y % 2, x % 2)), :, y // 2 + reach, x // 2 + reach] = convolution.weight[
                    :, :, dy + radius, dx + radius
                ].detach()
    assert convolution.bias is not None
    result = nn.Conv2d(4 * channels, 4 * out, 2 * reach + 1, padding=reach)
    result.weight = nn.Parameter(kernel.flatten(0, 1).flatten(1, 2), requires_grad=False)
    result.bias = nn.Parameter(convolution.bias.detach().repeat(4), requires_grad=False)
    return result
