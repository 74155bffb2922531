"""The picture while no face is found: the last one, and after some time the resting avatar."""

from __future__ import annotations

import cv2
import numpy as np

from fomm_rt.image import Image
from fomm_rt.live.controls.state import OnNoFace
from fomm_rt.live.frames import Driver

HOLD_S = 2.0
"""By then, a face that turned away or was hidden by a hand is usually back."""
FADE_S = 0.7


class NoFace:
    """Chooses the picture of frames without a face."""

    def __init__(self) -> None:
        self._last: Image | None = None
        self._lost_s: float | None = None

    def animated(self, prediction: Image) -> None:
        """Takes the picture of a frame that shows a face."""
        self._last = prediction
        self._lost_s = None

    def forget(self) -> None:
        """Forgets the last picture, which showed another avatar."""
        self._last = None

    def __call__(self, source: Image, camera: Image, policy: OnNoFace, now_s: float) -> tuple[Image, Driver]:
        """The picture of a frame without a face, and the name of what it shows.

        Args:
            source: (size, size, 3) uint8 RGB: the resting avatar.
            camera: (H, W, 3) uint8 RGB: the camera's picture, which only the policy "passthrough" shows.
            policy: The user's choice.
            now_s: When the frame was captured.
        """
        if policy == "passthrough":
            return camera, "passthrough"
        if self._lost_s is None:
            self._lost_s = now_s
        if self._last is None:
            return source, "source"
        held_s = 0.0 if policy == "source" else HOLD_S
        faded = (now_s - self._lost_s - held_s) / FADE_S
        if faded <= 0 and policy == "hold":
            return self._last, "held"
        if faded >= 1:
            return source, "source"
        share = max(faded, 0.0)
        return np.asarray(cv2.addWeighted(self._last, 1 - share, source, share, 0), np.uint8), "fading"
