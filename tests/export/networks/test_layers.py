"""Anti-alias downsampling."""

import pytest
import torch
from torch import nn

from fomm_export.networks.layers import AntiAliasDownsample, gaussian_kernel


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_anti_alias_is_blur_then_every_nth_pixel(factor: int) -> None:
    picture = torch.rand(1, 3, 64, 64)
    kernel = gaussian_kernel(factor)
    radius = kernel.shape[0] // 2
    blurred = nn.functional.conv2d(picture, kernel.expand(3, 1, -1, -1), padding=radius, groups=3)
    torch.testing.assert_close(AntiAliasDownsample(3, factor)(picture), blurred[:, :, ::factor, ::factor])


def test_anti_alias_kernel_is_13_pixels_wide() -> None:
    assert gaussian_kernel(4).shape == (13, 13)
    assert gaussian_kernel(4).sum().item() == pytest.approx(1, abs=1e-6)
