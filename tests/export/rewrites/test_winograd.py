"""Winograd's convolution over rows in tile order equals the published residual blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.networks.layers import ResidualBlock
from fomm_export.rewrites.portable import fold_norms
from fomm_export.rewrites.winograd import (
    INPUT_TRANSFORM,
    KERNEL_TRANSFORM,
    OUTPUT_TRANSFORM,
    REACH,
    TILE,
    TileOrder,
    WinogradBottleneck,
    WinogradConvolution,
)

SIDES = [4, 8, 12]


def in_tiles(picture: Tensor) -> Tensor:
    """(N, C, H, W) -> (16·N·tiles, C), ordered by row in the tile, column in the tile, picture, tile."""
    n, channels, height, width = picture.shape
    tiled = picture.reshape(n, channels, height // TILE, TILE, width // TILE, TILE)
    return tiled.permute(3, 5, 0, 2, 4, 1).reshape(-1, channels)


def test_transforms_convolve() -> None:
    torch.manual_seed(0)
    line, kernel = torch.randn(REACH, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    found = OUTPUT_TRANSFORM @ ((KERNEL_TRANSFORM @ kernel) * (INPUT_TRANSFORM @ line))
    expected = F.conv1d(line[None, None], kernel[None, None])[0, 0]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("side", [1, 2, 6, 15, 18])
def test_rejects_other_sides(side: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of 4; got {side}"):
        TileOrder(side)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("n", [1, 3])
def test_tile_order_round_trip(n: int, side: int) -> None:
    order = TileOrder(side)
    picture = torch.arange(n * 3 * side * side).reshape(n, 3, side, side)
    rows = in_tiles(picture)
    assert torch.equal(order.to_picture(rows, n), picture)
    by_number = picture.flatten(2).index_select(2, order.pixel_of_row)  # (N, C, 16·tiles)
    assert torch.equal(by_number.reshape(n, 3, TILE**2, -1).permute(2, 0, 3, 1).flatten(0, 2), rows)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("n", [1, 3])
def test_reaches_are_the_pixels_around_each_tile(n: int, side: int) -> None:
    order = TileOrder(side)
    picture = torch.arange(1, n * side * side + 1).reshape(n, 1, side, side)
    rows = torch.cat([in_tiles(picture), torch.zeros(1, 1, dtype=torch.long)])
    found = rows[order.reaches(n), 0].reshape(REACH**2, n, order.tiles)
    around = F.unfold(picture.double(), REACH, padding=1, stride=TILE).long()  # (N, 36, tiles)
    assert torch.equal(found, around.transpose(0, 1))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("n", [1, 3])
def test_convolution_and_sum(n: int, side: int) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(5, 3, 3, padding=1, bias=False).double()
    order, x = TileOrder(side), torch.randn(n, 5, side, side, dtype=torch.float64)
    added = torch.randn(n, 3, side, side, dtype=torch.float64)
    winograd = WinogradConvolution(convolution)
    found = winograd(in_tiles(x), order.reaches(n), in_tiles(added).reshape(TILE**2, -1))
    assert found.shape == (n * side * side, 3)
    torch.testing.assert_close(order.to_picture(found, n), convolution(x) + added, atol=1e-11, rtol=0)
    line = torch.randn(1, n * order.tiles * 3, dtype=torch.float64)
    moved = winograd(in_tiles(x), order.reaches(n), line)
    without = winograd(in_tiles(x), order.reaches(n), torch.zeros_like(line))
    torch.testing.assert_close(moved - without, line.expand(TILE**2, -1).reshape(-1, 3), atol=1e-11, rtol=0)


def draw_blocks(count: int, channels: int) -> list[ResidualBlock]:
    """Blocks as training may leave them: norms with shifts and negative or zero scales, and large biases."""
    torch.manual_seed(0)
    blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(count))).double().eval().requires_grad_(False)
    for module in blocks.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.weight)
            module.weight[0] = 0
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 1e-3, 3)
        elif isinstance(module, nn.Conv2d):
            assert module.bias is not None
            nn.init.normal_(module.bias)
    return [block for block in blocks if isinstance(block, ResidualBlock)]


@pytest.mark.parametrize("side", [4, 8])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("count", [1, 3])
def test_bottleneck_equals_residual_blocks(count: int, n: int, side: int) -> None:
    blocks = draw_blocks(count, 5)
    order, x = TileOrder(side), torch.randn(n, 5, side, side, dtype=torch.float64)
    published = nn.Sequential(*blocks)
    expected = published(x)
    found = WinogradBottleneck(list(fold_norms(published)), order)(in_tiles(x), n)  # type: ignore[arg-type]
    torch.testing.assert_close(order.to_picture(found, n), expected, atol=1e-9, rtol=1e-12)


def test_float32_is_precise_enough() -> None:
    """The transforms add numbers of both signs up to 100 times as large, which costs only a few bits."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(256, 256, 3, padding=1, bias=False)
    order, x = TileOrder(16), torch.randn(1, 256, 16, 16).relu()
    found = WinogradConvolution(convolution)(in_tiles(x), order.reaches(1), torch.zeros(1, 16 * 256))
    expected = convolution.double()(x.double())
    error = (order.to_picture(found, 1) - expected).abs().max() / expected.abs().max()
    assert error <= 5e-5
