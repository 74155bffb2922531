"""The keypoint detector: finds K keypoints in a frame, each with the affine map around it.

Source: Siarohin et al. 2019, section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.anti_alias import AntiAliasDownsample
from fomm_export.networks.geometry import coordinate_grid
from fomm_export.networks.layers import Hourglass


class Keypoints(NamedTuple):
    """value (N, K, 2) of (x, y) in [-1, 1]; jacobian (N, K, 2, 2), None in a model without jacobians."""

    value: Tensor
    jacobian: Tensor | None


class KeypointDetector(nn.Module):
    """Downsamples the frame, predicts a heatmap per keypoint with an hourglass, and takes each heatmap's expectation.

    Args:
        configuration: Architecture.
        downsample: Frame size divided by motion size, an integer.
    """

    grid: Tensor

    def __init__(self, configuration: Configuration, downsample: int) -> None:
        super().__init__()
        c = configuration
        self.temperature = c.temperature
        self.down = AntiAliasDownsample(c.num_channels, downsample)
        self.predictor = Hourglass(
            c.detector.block_expansion, c.num_channels, c.detector.num_blocks, c.detector.max_features
        )
        features = self.predictor.out_features
        self.kp = nn.Conv2d(features, c.num_kp, kernel_size=7, padding=c.pad)
        self.jacobian: nn.Conv2d | None = None
        if c.estimate_jacobian:
            maps = 1 if c.single_jacobian_map else c.num_kp
            self.jacobian = nn.Conv2d(features, 4 * maps, kernel_size=7, padding=c.pad)
        side = c.motion_size + 2 * c.pad - 6
        self.register_buffer("grid", coordinate_grid(side, side), persistent=False)

    def forward(self, frame: Tensor) -> Keypoints:
        """Frames (N, 3, S, S) in [0, 1] -> keypoints."""
        features = self.predictor(self.down(frame))
        return self.expectation(self.kp(features), None if self.jacobian is None else self.jacobian(features))

    def expectation(self, logits: Tensor, jacobian_maps: Tensor | None) -> Keypoints:
        """Computes keypoints from the outputs of the heads.

        heatmap = softmax(logits / temperature) over all positions; value = Σ heatmap · position;
        jacobian = Σ heatmap · map.

        Args:
            logits: (N, K, h, w).
            jacobian_maps: (N, 4K, h, w); (N, 4, h, w) if all keypoints share one set; None without jacobians.
        """
        n, k = logits.shape[0], logits.shape[1]
        heatmap = (logits.flatten(2) / self.temperature).softmax(dim=2)  # (N, K, h·w)
        value = heatmap @ self.grid.flatten(0, 1)  # (N, K, 2)
        if jacobian_maps is None:
            return Keypoints(value, None)
        maps = jacobian_maps.reshape(n, -1, 4, heatmap.shape[2])  # (N, K or 1, 4, h·w)
        jacobian = (heatmap.unsqueeze(2) * maps).sum(dim=3)  # (N, K, 4)
        return Keypoints(value, jacobian.reshape(n, k, 2, 2))
