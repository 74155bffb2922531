"""The last convolution and the blend with the source, on four phases of half resolution.

Sampling, blend and sigmoid work on phases, so only the finished picture is assembled at full resolution. The source is
sampled by one gather: each of its rows holds a pixel with its neighbours to the right, below and diagonally below. ONNX
Runtime's GridSample takes longer (`benchmarks/studies/cpu_layers.py`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.rewrites.heads import SplitHeads
from fomm_export.rewrites.phases import PHASES, phase_convolution


def as_neighbours(picture: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H·W, 4C): each pixel with its neighbours in the order of PHASES, the edge extended."""
    height, width = picture.shape[2:]
    padded = F.pad(picture, (0, 1, 0, 1), mode="replicate")
    shifted = [padded[:, :, dy : dy + height, dx : dx + width] for dy, dx in PHASES]
    return torch.cat(shifted, dim=1).flatten(2).transpose(1, 2).contiguous()


class PhaseBlend(nn.Module):
    """The last convolution, the sigmoid and the blend.

    Args:
        convolution: Gives three colours and the blend mask at full resolution (`Generator.merged_last_convolution`).
        size: Side of the frames in pixels.
        motion_size: Side of the deformation.
    """

    along: Tensor
    across: Tensor

    def __init__(self, convolution: nn.Conv2d, size: int, motion_size: int) -> None:
        super().__init__()
        self.size = size
        self.convolution = SplitHeads([_channels_outermost(phase_convolution(convolution), convolution.out_channels)])
        enlarged = _enlargement(motion_size, size).to(convolution.weight.dtype)
        phases = torch.stack([enlarged[0::2], enlarged[1::2]])  # (2, S/2, h)
        self.register_buffer("along", phases, persistent=False)
        self.register_buffer("across", phases.transpose(1, 2).contiguous(), persistent=False)

    def forward(self, phases: list[Tensor], neighbours: Tensor, deformation: Tensor) -> tuple[Tensor, Tensor]:
        """Decodes and blends.

        Args:
            phases: Four (N, in, S/2, S/2) in the order of PHASES.
            neighbours: The source, (N, S·S, 12) from `as_neighbours`.
            deformation: (N, h, w, 2).

        Returns:
            Prediction (N, 3, S, S) and blend mask (N, 1, S, S), both in [0, 1].
        """
        n = neighbours.shape[0]
        (decoded,) = self.convolution(torch.cat(phases, dim=1))
        decoded = torch.sigmoid(decoded).reshape(n, 4, 4, -1)  # (N, channel, phase, H·W)
        colours, mask = torch.split(decoded, [3, 1], dim=1)
        warped = self._sampled(neighbours, self._positions(deformation)).reshape(n, 3, 4, -1)
        prediction = colours + mask * (warped - colours)
        return self._assembled(prediction), self._assembled(mask)

    def _positions(self, deformation: Tensor) -> Tensor:
        """The deformation enlarged corner to corner, in pixels: (N, h, w, 2) -> (N, 2, S·S) in the order of phases."""
        fields = deformation.permute(0, 3, 1, 2).unsqueeze(2)  # (N, 2, 1, h, w)
        rows = (self.along @ fields).unsqueeze(3)  # (N, 2, 2, 1, S/2, w)
        coordinates = (rows @ self.across).flatten(2)  # (N, 2, 2·2·S/2·S/2)
        return ((coordinates + 1) * ((self.size - 1) / 2)).clamp(0, self.size - 1)

    def _sampled(self, neighbours: Tensor, positions: Tensor) -> Tensor:
        """Samples bilinearly: (N, S·S, 12) at (N, 2, P) of (x, y) in pixels -> (N, 3, P)."""
        n, count, _ = neighbours.shape
        before = positions.floor()
        beyond = positions - before
        # NaN converts to an arbitrary integer, hence the clamp after the conversion.
        index = (before[:, 1] * self.size + before[:, 0]).int().clamp(0, count - 1)
        index = index + torch.arange(n, dtype=torch.int32).unsqueeze(1) * count
        fetched = neighbours.flatten(0, 1).index_select(0, index.flatten())
        fetched = fetched.reshape(n, -1, fetched.shape[1]).transpose(1, 2)  # (N, 12, P)
        above, below = torch.split(fetched, 6, dim=1)
        left, right = torch.split(above + beyond[:, 1:] * (below - above), 3, dim=1)
        return left + beyond[:, :1] * (right - left)

    def _assembled(self, phases: Tensor) -> Tensor:
        """(N, C, 4, H·W) -> (N, C, 2H, 2W)."""
        n, channels = phases.shape[:2]
        half = self.size // 2
        return F.pixel_shuffle(phases.reshape(n, 4 * channels, half, half), 2)


def _channels_outermost(over_phases: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Reorders the outputs of `phase_convolution`: all phases of a channel lie together."""
    assert over_phases.bias is not None
    for parameter in (over_phases.weight, over_phases.bias):
        by_phase = parameter.data.reshape(4, channels, *parameter.shape[1:])
        parameter.data = by_phase.transpose(0, 1).flatten(0, 1).contiguous()
    return over_phases


def _enlargement(small: int, large: int) -> Tensor:
    """(large, small) float64: enlarges a line bilinearly, corner to corner, when multiplied from the left."""
    line = torch.eye(small, dtype=torch.float64).unsqueeze(0)  # (1, small, small)
    return F.interpolate(line, size=large, mode="linear", align_corners=True)[0].T.contiguous()
