"""The generator for CPUs: the same numbers from the operations that are fastest there.

Source features are stored one pixel per row, so the warp fetches whole rows. Wide residual blocks use Winograd's
convolution. Up blocks, the last convolution and the blend with the source work on phases.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from fomm_export.networks.generator import Generator, resize, resize_deformation
from fomm_export.networks.layers import ResidualBlock, UpBlock
from fomm_export.rewrites.phase_blend import PhaseBlend, as_neighbours
from fomm_export.rewrites.phases import PhaseFinal, PhaseUpBlock
from fomm_export.rewrites.row_warp import RowWarp, as_rows
from fomm_export.rewrites.winograd import TILE, TileOrder, WinogradBottleneck

WIDE = 96
"""Smallest number of channels at which Winograd's convolution is faster (docs/benchmarks.md)."""


class CpuGenerator(nn.Module):
    """Encoder and decoder of a generator for one frame size.

    Args:
        generator: With folded norms (`portable.fold_norms`) and up blocks as published.
        size: Side of the frames in pixels.
        winograd: True to use Winograd's convolution in residual blocks if tiles fit their side; None to use it only
            where it is faster.
    """

    def __init__(self, generator: Generator, size: int, winograd: bool | None = None) -> None:
        super().__init__()
        self.encode: Callable[[Tensor], Tensor] = generator.encode
        self.encoder = nn.ModuleList([generator.first, *generator.down_blocks])
        self.resize_align_corners = generator.resize_align_corners
        self.side = size >> len(generator.down_blocks)
        blocks = [block for block in generator.bottleneck if isinstance(block, ResidualBlock)]
        fits = self.side % TILE == 0
        if winograd is None:
            winograd = fits and blocks[0].conv1.in_channels >= WIDE
        self.warp = RowWarp(self.side, self.side, generator.align_corners)
        self.tile_order: TileOrder | None = None
        self.bottleneck: nn.Module = generator.bottleneck
        if winograd and fits:
            self.tile_order = TileOrder(self.side)
            self.bottleneck = WinogradBottleneck(blocks, self.tile_order)
        ups = []
        for block in generator.up_blocks:
            assert isinstance(block, UpBlock)
            assert isinstance(block.norm, nn.Identity)
            ups.append(PhaseUpBlock(block.conv))
        self.up_blocks = nn.ModuleList(ups[:-1])
        self.last_up_block = ups[-1]
        self.blends = generator.blends
        last = generator.merged_last_convolution()
        motion_size = generator.dense_motion_network.grid.shape[0]
        self.final: nn.Module = PhaseBlend(last, size, motion_size) if self.blends else PhaseFinal(last)

    def encode_rows(self, source_image: Tensor) -> Tensor:
        """Source (N, 3, S, S) in [0, 1] -> features (N, R, C), one pixel per row (`row_warp.as_rows`)."""
        return as_rows(self.encode(source_image))

    def encode_source(self, source_image: Tensor) -> dict[str, Tensor]:
        """Source (N, 3, S, S) in [0, 1] -> the inputs of `forward` that depend on it alone."""
        encoded = {"source_features": self.encode_rows(source_image)}
        return encoded | ({"source_pixels": as_neighbours(source_image)} if self.blends else {})

    def forward(
        self,
        source_features: Tensor,
        deformation: Tensor,
        occlusion_map: Tensor | None = None,
        source_pixels: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Warps, masks, decodes and, in a model with blend mask, blends.

        Args:
            source_features: (N, R, C) from `encode_rows`.
            deformation: (N, h, w, 2), resized to H×W when sizes differ.
            occlusion_map: (N, 1, h, w), resized to H×W when sizes differ; None in a model without it.
            source_pixels: (N, S·S, 12) from `phase_blend.as_neighbours`; None in a model without blend mask.

        Returns:
            Prediction (N, 3, S, S) in [0, 1]; in a model with blend mask also that, (N, 1, S, S).
        """
        phases = self.last_up_block.phases(self._features(source_features, deformation, occlusion_map))
        if source_pixels is None:
            picture: Tensor = self.final(phases)
            return picture
        prediction, blend_mask = self.final(phases, source_pixels, deformation)
        return prediction, blend_mask

    def _features(self, rows: Tensor, deformation: Tensor, occlusion_map: Tensor | None) -> Tensor:
        """Everything before the last up block."""
        n, size = rows.shape[0], (self.side, self.side)
        deformation = resize_deformation(deformation, size, self.resize_align_corners)
        if occlusion_map is not None:
            occlusion_map = resize(occlusion_map, size, self.resize_align_corners)
        points = deformation.flatten(1, 2)  # (N, H·W, 2)
        factor = None if occlusion_map is None else occlusion_map.flatten(1)  # (N, H·W)
        if self.tile_order is None:
            out = self.warp(rows, points, factor).unflatten(0, (n, -1)).transpose(1, 2)
            out = self.bottleneck(out.unflatten(2, size))
        else:
            out = self._bottleneck_in_tiles(self.tile_order, rows, points, factor)
        for block in self.up_blocks:
            out = block(out)
        features: Tensor = out
        return features

    def _bottleneck_in_tiles(self, order: TileOrder, rows: Tensor, points: Tensor, factor: Tensor | None) -> Tensor:
        n = rows.shape[0]
        # Warping in tile order yields the rows in the order that the convolutions read.
        points = points.index_select(1, order.pixel_of_row)
        factor = None if factor is None else factor.index_select(1, order.pixel_of_row)
        warped = self.warp(rows, points, factor)
        warped = warped.unflatten(0, (n, TILE**2, order.tiles)).transpose(0, 1).flatten(0, 2)
        return order.to_picture(self.bottleneck(warped, n), n)
