"""Residual blocks by Winograd's convolution, built from gathers and matrix products, which every runtime has.

A 3×3 convolution of 4×4 pixels takes 36 products per pair of channels instead of 144. With the 6×6 pixels d around the
tile, the kernel g and the element-wise product ⊙, summed over input channels:

    y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A

Each pixel is one row; rows are ordered by (row in the tile, column in the tile, picture, tile). Then the 36 pixels of
all tiles are one gather of rows, both transforms are products with a small matrix from the left, and the convolution is
36 products of (tiles × in) with (in × out). A chain of convolutions keeps this order.

Source: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(4×4, 3×3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fomm_export.networks.layers import ResidualBlock

TILE = 4
REACH = TILE + 2
"""Side of the square of pixels that a tile is computed from."""

INPUT_TRANSFORM = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
KERNEL_TRANSFORM = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
OUTPUT_TRANSFORM = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float64
)


class TileOrder(nn.Module):
    """The order of pixels as rows, and the rows that each tile is computed from.

    Args:
        side: Of the pictures in pixels, a multiple of TILE.
    """

    row_of_pixel: Tensor
    pixel_of_row: Tensor
    phase: Tensor
    neighbour: Tensor
    inside: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        if side % TILE:
            raise ValueError(f"expected a side that is a multiple of {TILE}; got {side}")
        self.side = side
        self.tiles = (side // TILE) ** 2
        across = side // TILE
        line = torch.arange(side)
        phase = (line % TILE)[:, None] * TILE + (line % TILE)[None, :]
        tile = (line // TILE)[:, None] * across + (line // TILE)[None, :]
        self.register_buffer("row_of_pixel", (phase * self.tiles + tile).flatten(), persistent=False)
        self.register_buffer("pixel_of_row", self.row_of_pixel.argsort(), persistent=False)
        # Pixel (a, b) of the 6×6 around a tile has the same phase for all tiles; it is in the tile or a neighbour.
        offset = torch.arange(REACH) - 1
        tile_y, tile_x = torch.arange(self.tiles) // across, torch.arange(self.tiles) % across
        y = tile_y + (offset // TILE).repeat_interleave(REACH)[:, None]  # (36, tiles)
        x = tile_x + (offset // TILE).repeat(REACH)[:, None]
        phases = (offset % TILE)[:, None] * TILE + (offset % TILE)[None, :]
        self.register_buffer("phase", phases.reshape(-1, 1, 1), persistent=False)
        self.register_buffer("inside", ((y >= 0) & (y < across) & (x >= 0) & (x < across))[:, None], persistent=False)
        self.register_buffer("neighbour", (y * across + x)[:, None], persistent=False)

    def reaches(self, n: int) -> Tensor:
        """(36·N·tiles,) int64: the rows that the tiles of N pictures are computed from; 16·N·tiles if outside."""
        picture = torch.arange(n).reshape(1, n, 1)
        rows = (self.phase * n + picture) * self.tiles + self.neighbour  # (36, N, tiles)
        return torch.where(self.inside, rows, TILE * TILE * n * self.tiles).flatten()

    def to_picture(self, rows: Tensor, n: int) -> Tensor:
        """(16·N·tiles, C) in tile order -> (N, C, H, W)."""
        channels = rows.shape[1]
        picture = torch.arange(n).reshape(n, 1) * self.tiles
        phase, tile = self.row_of_pixel // self.tiles, self.row_of_pixel % self.tiles
        index = phase * (n * self.tiles) + picture + tile  # (N, H·W)
        pixels = rows.index_select(0, index.flatten()).reshape(n, self.side * self.side, channels)
        return pixels.transpose(1, 2).reshape(n, channels, self.side, self.side)


class WinogradConvolution(nn.Module):
    """A 3×3 convolution with padding 1 and without bias, over rows in tile order.

    The graph transforms the kernel, stored as (9, in·out); a runtime folds this constant when it loads the graph.
    """

    kernel_transform: Tensor
    input_transform: Tensor
    output_transform: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        kernel = convolution.weight.detach()
        self.channels = (kernel.shape[1], kernel.shape[0])
        self.kernel = nn.Parameter(kernel.permute(2, 3, 1, 0).reshape(9, -1).contiguous(), requires_grad=False)
        for name, matrix in (
            ("kernel_transform", KERNEL_TRANSFORM),
            ("input_transform", INPUT_TRANSFORM),
            ("output_transform", OUTPUT_TRANSFORM),
        ):
            self.register_buffer(name, torch.kron(matrix, matrix).to(kernel.dtype), persistent=False)

    def forward(self, rows: Tensor, reaches: Tensor, added: Tensor) -> Tensor:
        """Convolves the rows and adds a tensor.

        Args:
            rows: (16·N·tiles, in).
            reaches: From `TileOrder.reaches`.
            added: (1 or 16, N·tiles·out).

        Returns:
            (16·N·tiles, out).
        """
        fan_in, out = self.channels
        tiles = reaches.shape[0] // REACH**2
        padded = torch.cat([rows, rows.new_zeros(1, fan_in)])
        reached = padded.index_select(0, reaches).reshape(REACH**2, tiles * fan_in)
        values = (self.input_transform @ reached).reshape(REACH**2, tiles, fan_in)
        kernel = (self.kernel_transform @ self.kernel).reshape(REACH**2, fan_in, out)
        products = (values @ kernel).reshape(REACH**2, tiles * out)
        return torch.addmm(added, self.output_transform, products).reshape(TILE**2 * tiles, out)


class WinogradBottleneck(nn.Module):
    """Residual blocks over rows in tile order.

    The biases of the second convolutions are not added in every block: the shift of each norm includes the sum of the
    biases so far, and the total is added at the end.

    Args:
        blocks: With norm2 folded into conv1.
        order: Order of the rows.
    """

    def __init__(self, blocks: list[ResidualBlock], order: TileOrder) -> None:
        super().__init__()
        self.order = order
        self.first = nn.ModuleList(WinogradConvolution(block.conv1) for block in blocks)
        self.second = nn.ModuleList(WinogradConvolution(block.conv2) for block in blocks)
        biases, scales, shifts = [], [], []
        behind = blocks[0].conv1.weight.new_zeros(blocks[0].conv1.in_channels)
        for block in blocks:
            scale, shift = _scale_and_shift(block.norm1)
            scales.append(scale)
            shifts.append(shift + scale * behind)
            assert isinstance(block.norm2, nn.Identity)
            assert block.conv1.bias is not None
            assert block.conv2.bias is not None
            biases.append(block.conv1.bias.detach())
            behind = behind + block.conv2.bias.detach()
        self.biases, self.scales, self.shifts = (_constants(tensors) for tensors in (biases, scales, shifts))
        self.behind = nn.Parameter(behind, requires_grad=False)

    def forward(self, rows: Tensor, n: int) -> Tensor:
        """Rows (16·N·tiles, C) of N pictures -> rows (16·N·tiles, C)."""
        reaches = self.order.reaches(n)
        tiles = n * self.order.tiles
        for first, second, bias, scale, shift in zip(
            self.first, self.second, self.biases, self.scales, self.shifts, strict=True
        ):
            out = torch.relu(rows * scale + shift)
            out = torch.relu(first(out, reaches, bias.expand(tiles, -1).reshape(1, -1)))
            rows = second(out, reaches, rows.reshape(TILE**2, -1))
        return rows + self.behind


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale


def _constants(tensors: list[Tensor]) -> nn.ParameterList:
    return nn.ParameterList(nn.Parameter(tensor, requires_grad=False) for tensor in tensors)
