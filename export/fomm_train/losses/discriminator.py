"""A multi-scale discriminator like the paper's: it scores every patch as real or predicted at several resolutions.

Source: Siarohin et al. 2019, supplementary material; after Isola et al. 2017 (PatchGAN) and Mao et al. 2017 (LSGAN).
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.2


class PatchDiscriminator(nn.Module):
    """4×4 convolutions that halve the resolution, with instance norm and leaky ReLU; one score per patch."""

    def __init__(self, block_expansion: int, max_features: int, num_blocks: int) -> None:
        super().__init__()
        widths = [3] + [min(max_features, block_expansion * 2**i) for i in range(num_blocks)]
        self.blocks = nn.ModuleList(
            nn.Conv2d(a, b, kernel_size=4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.score = nn.Conv2d(widths[-1], 1, kernel_size=3, padding=1)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] -> features of every block, then the scores (N, 1, h, w)."""
        outs: list[Tensor] = []
        out = 2 * picture - 1
        for i, block in enumerate(self.blocks):
            out = block(out)
            out = F.leaky_relu(out if i == 0 else F.instance_norm(out), LEAK)
            outs.append(out)
        outs.append(self.score(out))
        return outs


class MultiScaleDiscriminator(nn.Module):
    """One patch discriminator per scale; each scale halves the picture."""

    def __init__(
        self, scales: int = 2, block_expansion: int = 24, max_features: int = 192, num_blocks: int = 3
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(PatchDiscriminator(block_expansion, max_features, num_blocks) for _ in range(scales))

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        """(N, 3, H, W) in [0, 1] -> features and scores of each `PatchDiscriminator`."""
        outs = []
        for part in self.parts:
            outs.append(part(picture))
            picture = F.avg_pool2d(picture, 2)
        return outs


def discriminator_loss(real: list[list[Tensor]], predicted: list[list[Tensor]]) -> Tensor:
    """Least squares: scores of real pictures towards 1, of predictions towards 0."""
    return torch.stack(
        [(1 - r[-1]).square().mean() + p[-1].square().mean() for r, p in zip(real, predicted, strict=True)]
    ).mean()


def adversarial_loss(predicted: list[list[Tensor]]) -> Tensor:
    """Least squares: scores of predictions towards 1."""
    return torch.stack([(1 - scale[-1]).square().mean() for scale in predicted]).mean()


def feature_matching_loss(real: list[list[Tensor]], predicted: list[list[Tensor]]) -> Tensor:
    """Mean absolute difference of the discriminator's features of the two pictures."""
    return torch.stack(
        [
            (a.detach() - b).abs().mean()
            for r, p in zip(real, predicted, strict=True)
            for a, b in zip(r[:-1], p[:-1], strict=True)
        ]
    ).mean()
