"""The pictures of a frame as the window shows them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.clip.views import draw_keypoints
from fomm_rt.image import Image
from fomm_rt.live.frames import LiveFrame

Pixels = NDArray[np.uint8]
"""(h, w, 4) uint8 BGRA, contiguous."""


def shown_picture(frame: LiveFrame) -> Image:
    """The chosen view, or the result."""
    return frame.picture if frame.view_picture is None else frame.view_picture


def is_mirrored(frame: LiveFrame, mirror_preview: bool) -> bool:
    """True if the picture is shown mirrored. Views are not: they hold text."""
    return mirror_preview and frame.view_picture is None


def for_screen(picture: Image, mirrored: bool) -> Pixels:
    """(h, w, 3) uint8 RGB as the renderer takes it."""
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA)
    return np.asarray(cv2.flip(pixels, 1) if mirrored else pixels, np.uint8)


def panel_for_screen(pixels: NDArray[np.uint8]) -> Pixels:
    """(h, w, 4) uint8 RGBA as the renderer takes it."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), np.uint8)


def driving_face(frame: LiveFrame, mirrored: bool, with_keypoints: bool) -> Pixels:
    """The driving face of a frame, with its keypoints if asked for and known."""
    picture = frame.driving
    if with_keypoints and frame.kp_driving is not None:
        picture = draw_keypoints(picture, frame.kp_driving)
    return for_screen(picture, mirrored)
