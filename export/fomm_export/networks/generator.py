"""The generator: warps and masks the source features and decodes them to a prediction.

Source: Siarohin et al. 2019, section 3.2, eq. 8.

A model with `estimate_blend_mask` goes further than the paper. A narrow decoder loses detail of the source, so its last
convolution gets a fourth channel, the blend mask m, and the prediction is

    m · warp(source_image) + (1 − m) · decoded colours

with the source sampled at full size.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.dense_motion import DenseMotion, DenseMotionNetwork
from fomm_export.networks.geometry import warp
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.layers import DownBlock, ResidualBlock, SameBlock, UpBlock


class Generator(nn.Module):
    """Encoder, warp, residual bottleneck, decoder. As published, it contains the dense-motion network.

    Args:
        configuration: Architecture.
        downsample: Frame size divided by motion size, an integer.
        align_corners: Convention of the warps.
    """

    def __init__(self, configuration: Configuration, downsample: int, align_corners: bool) -> None:
        super().__init__()
        c = configuration
        self.align_corners = align_corners
        self.resize_align_corners = c.resize_align_corners
        widths = [min(c.max_features, c.block_expansion * 2**i) for i in range(c.num_down_blocks + 1)]
        self.dense_motion_network = DenseMotionNetwork(c, downsample, align_corners)
        self.first = SameBlock(c.num_channels, c.block_expansion, kernel_size=7)
        self.down_blocks = nn.ModuleList(DownBlock(a, b) for a, b in itertools.pairwise(widths))
        self.bottleneck = nn.Sequential(
            OrderedDict((f"r{i}", ResidualBlock(widths[-1])) for i in range(c.num_bottleneck_blocks))
        )
        widths.reverse()
        self.up_blocks = nn.ModuleList(UpBlock(a, b) for a, b in itertools.pairwise(widths))
        self.final = nn.Conv2d(c.block_expansion, c.num_channels, kernel_size=7, padding=3)
        self.blends = c.estimate_blend_mask
        self.blend_mask: nn.Conv2d | None = None
        if self.blends:
            self.blend_mask = nn.Conv2d(c.block_expansion, 1, kernel_size=7, padding=3)

    def forward(self, source_image: Tensor, kp_source: Keypoints, kp_driving: Keypoints) -> Tensor:
        """The published forward pass: source (N, 3, S, S) and both sides' keypoints -> prediction (N, 3, S, S)."""
        return self.predict(source_image, self.dense_motion_network(source_image, kp_source, kp_driving))

    def predict(self, source_image: Tensor, motion: DenseMotion) -> Tensor:
        """Source (N, 3, S, S) in [0, 1] and dense motion -> prediction (N, 3, S, S) in [0, 1]."""
        decoded = self.decode(self.move(self.encode(source_image), motion))
        return self.blend(decoded, source_image, motion.deformation)

    def encode(self, source_image: Tensor) -> Tensor:
        """(N, 3, S, S) in [0, 1] -> features (N, C, S / 2^down, S / 2^down)."""
        out: Tensor = self.first(source_image)
        for block in self.down_blocks:
            out = block(out)
        return out

    def move(self, features: Tensor, motion: DenseMotion) -> Tensor:
        """Warps (N, C, H, W) features and multiplies them by the occlusion map, if there is one (eq. 8)."""
        features = self.warp_features(features, motion.deformation)
        return features if motion.occlusion_map is None else self.mask_features(features, motion.occlusion_map)

    def warp_features(self, features: Tensor, deformation: Tensor) -> Tensor:
        """Samples (N, C, H, W) features along the (N, h, w, 2) deformation, resized to H×W when sizes differ."""
        deformation = resize_deformation(deformation, features.shape[2:], self.resize_align_corners)
        return warp(features, deformation, self.align_corners)

    def mask_features(self, features: Tensor, occlusion_map: Tensor) -> Tensor:
        """Multiplies (N, C, H, W) features by the (N, 1, h, w) occlusion map, resized to H×W when sizes differ."""
        return features * resize(occlusion_map, features.shape[2:], self.resize_align_corners)

    def decode(self, features: Tensor) -> Tensor:
        """Warped and masked features (N, C, H, W) -> colours in [0, 1], (N, 3, S, S).

        With a blend mask, that is a fourth channel: (N, 4, S, S).
        """
        out: Tensor = self.bottleneck(features)
        for block in self.up_blocks:
            out = block(out)
        return F.sigmoid(self._last_convolution(out))

    def _last_convolution(self, features: Tensor) -> Tensor:
        if self.blend_mask is None:
            colours: Tensor = self.final(features)
            return colours
        weight = torch.cat([self.final.weight, self.blend_mask.weight])
        bias = torch.cat([_bias(self.final), _bias(self.blend_mask)])
        return F.conv2d(features, weight, bias, padding=3)

    def merged_last_convolution(self) -> nn.Conv2d:
        """Returns a convolution that gives the colours and, if there is one, the blend mask."""
        if self.blend_mask is None:
            return self.final
        final, mask = self.final, self.blend_mask
        merged = nn.Conv2d(final.in_channels, final.out_channels + 1, kernel_size=7, padding=3)
        merged.weight = nn.Parameter(torch.cat([final.weight, mask.weight]).detach(), requires_grad=False)
        merged.bias = nn.Parameter(torch.cat([_bias(final), _bias(mask)]).detach(), requires_grad=False)
        return merged

    def blend(self, decoded: Tensor, source_image: Tensor, deformation: Tensor) -> Tensor:
        """Blends the source, warped at full size, with the decoded colours.

        The deformation is enlarged corner to corner, whatever the conventions of the model: only this keeps a still
        picture still. Positions outside the source show its edge.

        Args:
            decoded: From `decode`; returned as it is by a model without blend mask.
            source_image: (N, 3, S, S) in [0, 1].
            deformation: (N, h, w, 2).

        Returns:
            Prediction (N, 3, S, S) in [0, 1].
        """
        if not self.blends:
            return decoded
        colours, mask = decoded[:, :-1], decoded[:, -1:]
        position = resize_deformation(deformation, source_image.shape[2:], align_corners=True).clamp(-1, 1)
        return colours + mask * (warp(source_image, position, align_corners=True) - colours)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


def resize(picture: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Resizes (N, C, h, w) bilinearly to (N, C, *size); returns the input if it has that size."""
    if tuple(picture.shape[2:]) == tuple(size):
        return picture
    return F.interpolate(picture, size=tuple(size), mode="bilinear", align_corners=align_corners)


def resize_deformation(deformation: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Resizes (N, h, w, 2) to (N, *size, 2) like `resize`."""
    if tuple(deformation.shape[1:3]) == tuple(size):
        return deformation
    return resize(deformation.permute(0, 3, 1, 2), size, align_corners).permute(0, 2, 3, 1)
