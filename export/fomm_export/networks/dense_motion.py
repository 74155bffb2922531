"""The dense-motion network: combines the motion around each keypoint to one deformation and an occlusion map.

Source: Siarohin et al. 2019, section 3.2; equation numbers below are those of the paper.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.anti_alias import AntiAliasDownsample
from fomm_export.networks.geometry import coordinate_grid, inverse_2x2, transform_points, warp
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.layers import Hourglass


class DenseMotion(NamedTuple):
    """deformation (N, h, w, 2) of (x, y); mask (N, K+1, h, w), field 0 the background; occlusion_map (N, 1, h, w)."""

    deformation: Tensor
    mask: Tensor
    occlusion_map: Tensor | None


class DenseMotionNetwork(nn.Module):
    """Blends K+1 sparse motions (background first) with masks that an hourglass predicts.

    Args:
        configuration: Architecture.
        downsample: Frame size divided by motion size, an integer.
        align_corners: Convention of the warps.
    """

    grid: Tensor

    def __init__(self, configuration: Configuration, downsample: int, align_corners: bool) -> None:
        super().__init__()
        c = configuration
        self.align_corners = align_corners
        self.kp_variance = c.kp_variance
        self.down = AntiAliasDownsample(c.num_channels, downsample)
        self.hourglass = Hourglass(
            c.dense_motion.block_expansion,
            (c.num_kp + 1) * (c.num_channels + 1),
            c.dense_motion.num_blocks,
            c.dense_motion.max_features,
        )
        features = self.hourglass.out_features
        self.mask = nn.Conv2d(features, c.num_kp + 1, kernel_size=7, padding=3)
        self.occlusion: nn.Conv2d | None = None
        if c.estimate_occlusion_map:
            self.occlusion = nn.Conv2d(features, 1, kernel_size=7, padding=3)
        self.register_buffer("grid", coordinate_grid(c.motion_size, c.motion_size), persistent=False)

    def forward(self, source_image: Tensor, kp_source: Keypoints, kp_driving: Keypoints) -> DenseMotion:
        """(N, 3, S, S) in [0, 1] and both sides' keypoints -> dense motion at the motion size."""
        sparse_motion = self.sparse_motion(kp_source, kp_driving)
        features = self.hourglass(self.hourglass_input(self.down(source_image), kp_source, kp_driving, sparse_motion))
        return self.blend(
            sparse_motion, self.mask(features), None if self.occlusion is None else self.occlusion(features)
        )

    def sparse_motion(self, kp_source: Keypoints, kp_driving: Keypoints) -> Tensor:
        """T_k(z) = s_k + J_s,k · J_d,k⁻¹ · (z − d_k), eq. 4; T_0 is the identity -> (N, K+1, h, w, 2)."""
        offset = self.grid - kp_driving.value[:, :, None, None]  # (N, K, h, w, 2)
        if kp_source.jacobian is not None and kp_driving.jacobian is not None:
            jacobian = kp_source.jacobian @ inverse_2x2(kp_driving.jacobian)  # (N, K, 2, 2)
            offset = transform_points(jacobian[:, :, None, None], offset)
        motion = offset + kp_source.value[:, :, None, None]
        identity = self.grid.expand(motion.shape[0], 1, -1, -1, -1)
        return torch.cat([identity, motion], dim=1)

    def hourglass_input(
        self, source_quarter: Tensor, kp_source: Keypoints, kp_driving: Keypoints, sparse_motion: Tensor
    ) -> Tensor:
        """For each field its heatmap (eq. 6; 0 for the background) and the source sampled along it, R, G, B.

        Returns:
            (N, 4·(K+1), h, w).
        """
        n, fields, height, width = sparse_motion.shape[:4]
        heatmap = self.gaussian(kp_driving.value) - self.gaussian(kp_source.value)  # (N, K, h, w)
        heatmap = torch.cat([torch.zeros_like(heatmap[:, :1]), heatmap], dim=1).unsqueeze(2)
        # The fields are stacked in rows, so one call samples them all without copies of the source.
        deformed = warp(source_quarter, sparse_motion.flatten(1, 2), self.align_corners)
        deformed = deformed.reshape(n, -1, fields, height, width).transpose(1, 2)  # (N, K+1, 3, h, w)
        return torch.cat([heatmap, deformed], dim=2).flatten(1, 2)

    def gaussian(self, keypoints: Tensor) -> Tensor:
        """(N, K, 2) -> (N, K, h, w): exp(−½‖z − keypoint‖² / kp_variance)."""
        distance = (self.grid - keypoints[:, :, None, None]).square().sum(dim=-1)
        return torch.exp(distance * (-0.5 / self.kp_variance))

    @staticmethod
    def blend(sparse_motion: Tensor, mask_logits: Tensor, occlusion_logits: Tensor | None) -> DenseMotion:
        """Deformation = Σ_k mask_k · T_k, eq. 7, with mask = softmax(mask_logits); occlusion_map = sigmoid(logits)."""
        mask = mask_logits.softmax(dim=1)
        deformation = (mask.unsqueeze(-1) * sparse_motion).sum(dim=1)
        return DenseMotion(deformation, mask, None if occlusion_logits is None else occlusion_logits.sigmoid())
