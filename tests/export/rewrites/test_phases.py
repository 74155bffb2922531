"""Up blocks and last convolutions on phases equal the published ones at full resolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.networks.layers import UpBlock
from fomm_export.rewrites.phases import PHASES, PhaseFinal, PhaseUpBlock, interleave, phase_convolution

SIZES = [(1, 1), (4, 4), (5, 3), (2, 7)]


def phases_of(picture: Tensor) -> list[Tensor]:
    """(N, C, 2H, 2W) -> four (N, C, H, W)."""
    return [picture[:, :, p::2, q::2] for p, q in PHASES]


def test_interleave_inverts_the_split_into_phases() -> None:
    picture = torch.arange(2 * 3 * 4 * 10).reshape(2, 3, 4, 10)
    assert torch.equal(interleave(phases_of(picture)), picture)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("batch", [1, 3])
def test_up_block_equals_the_published_one(batch: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    block = UpBlock(5, 3).double().eval()
    block.norm = nn.Identity()
    x = torch.randn(batch, 5, height, width, dtype=torch.float64)
    by_phases = PhaseUpBlock(block.conv)
    torch.testing.assert_close(by_phases(x), block(x), atol=1e-12, rtol=0)
    for found, expected in zip(by_phases.phases(x), phases_of(block(x)), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_kernels_are_rounded_once() -> None:
    """Taps of a float32 kernel are added in float64."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(2, 2, 3, padding=1)
    with torch.no_grad():
        convolution.weight.mul_(torch.tensor([1e8, 1.0, -1e8]).reshape(3, 1))
    corner = convolution.weight.detach().double()[:, :, 1:, 1:].sum(dim=(2, 3)).float()
    kernel = PhaseUpBlock(convolution).kernels[0]
    assert kernel.dtype == torch.float32
    assert torch.equal(kernel[:, :, 1, 1], corner)


@pytest.mark.parametrize("side", [1, 3, 5, 7])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_phase_convolution_equals_the_convolution(side: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(5, 3, side, padding=side // 2).double()
    picture = torch.randn(3, 5, 2 * height, 2 * width, dtype=torch.float64)
    found = phase_convolution(convolution)(torch.cat(phases_of(picture), dim=1))
    expected = torch.cat(phases_of(convolution(picture)), dim=1)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("batch", [1, 3])
def test_final_equals_the_last_convolution(batch: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(5, 3, 7, padding=3).double()
    picture = torch.randn(batch, 5, 2 * height, 2 * width, dtype=torch.float64)
    expected = F.sigmoid(convolution(picture))
    final = PhaseFinal(convolution)
    torch.testing.assert_close(final(phases_of(picture)), expected, atol=1e-12, rtol=0)
    # Each phase of rows uses four of the kernel's five rows; rows of zeros are left out.
    assert len(final.convolution.rows) == 4 * 3 * 4
