"""Frames at the size that a stage trains at."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.anti_alias import AntiAliasDownsample


class Shrinking:
    """Shrinks frames from one size to another.

    At the motion size, frames become what the networks' own anti-alias step makes of them, in two parts: the blur, and
    the darker border, which comes from zeros outside the frame. Looks change frames between the two. `end` is the
    position of the centres of the last pixels: that step keeps every n-th pixel, so the last ones lie inside the frame.
    """

    def __init__(self, from_size: int, size: int, motion_size: int) -> None:
        self._size = size
        self._down: AntiAliasDownsample | None = None
        if size == motion_size < from_size:
            self._down = AntiAliasDownsample(1, from_size // size)
        self._from_size = from_size
        kept = 1 if self._down is None else self._down.factor
        self.end = 1.0 - 2.0 * (kept - 1) / (from_size - 1)

    def __call__(self, frames: Tensor) -> Tensor:
        """(N, 3, from_size, from_size) -> (N, 3, size, size), without a dark border."""
        if self._size == self._from_size:
            return frames
        if self._down is None:
            return F.interpolate(frames, (self._size, self._size), mode="area")
        down = self._down.to(frames.device)
        radius = down.weight.shape[-1] // 2
        padded = F.pad(frames.flatten(0, 1)[:, None], (radius,) * 4, mode="replicate")
        blurred = F.conv2d(padded, down.weight, stride=down.factor)
        return blurred.reshape(*frames.shape[:2], self._size, self._size)

    def darken_border(self, frames: Tensor) -> Tensor:
        """Shrunk frames (N, 3, size, size) with the border that the networks' own step gives them."""
        if self._down is None:
            return frames
        ones = torch.ones(1, 1, self._from_size, self._from_size, device=frames.device)
        border: Tensor = self._down.to(frames.device)(ones)
        return frames * border
