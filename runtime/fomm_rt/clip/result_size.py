"""The size of a result's frames."""

from __future__ import annotations

import logging

import cv2
import numpy as np

from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.media.read.limits import FRAME_PIXELS, megapixels
from fomm_rt.media.write.output_formats import LARGEST, SMALLEST, OutputSize

_log = logging.getLogger("fomm_rt")


def check_size(size: OutputSize) -> None:
    """Raises OutputError unless all sides are from 16 to 8192 pixels."""
    sides = size if isinstance(size, tuple) and len(size) == 2 else (size,)
    if not all(isinstance(side, int) and SMALLEST <= side <= LARGEST for side in sides):
        raise OutputError(
            f"expected an output size of {SMALLEST} to {LARGEST} pixels, one number or width and height; got {size!r}"
        )


class Scaling:
    """Scales the frames of a result, (H, W, 3) uint8.

    Pictures are shrunk by area averaging and enlarged by Lanczos resampling. If the size has another aspect ratio, the
    picture is centred between black bars.

    Args:
        size: The size of a frame; None to keep the picture's.
        is_even: True to round odd sides up, because 4:2:0 video has no odd ones.

    Attributes:
        frame_size: Width and height of the latest frame; (0, 0) before.

    Raises:
        OutputError: The size is too small or too large; in a call, the frame is too large.
    """

    def __init__(self, size: OutputSize | None, is_even: bool) -> None:
        if size is not None:
            check_size(size)
        self.frame_size = (0, 0)
        self._size = size
        self._is_even = is_even

    def __call__(self, picture: Image) -> Image:
        """Scales a picture; one that needs no scaling is returned itself."""
        height, width = picture.shape[:2]
        if self._size is None:
            _check_pixels(width, height)
            grown = int(self._is_even)  # the encoder repeats the edge of odd sizes
            self.frame_size = width + grown * (width % 2), height + grown * (height % 2)
            return picture
        wanted = (max(1, round(width * self._size / height)), self._size) if isinstance(self._size, int) else self._size
        size = (wanted[0] + wanted[0] % 2, wanted[1] + wanted[1] % 2) if self._is_even else wanted
        _check_pixels(*size)
        if size not in (wanted, self.frame_size):
            _log.warning("video has even sizes: frames are %d×%d instead of %d×%d", *size, *wanted)
        self.frame_size = size
        return _fitted(picture, *size)


def _check_pixels(width: int, height: int) -> None:
    if width * height > FRAME_PIXELS:
        raise OutputError(
            f"the result would have frames of {width}×{height} pixels; expected at most {megapixels(FRAME_PIXELS)}. "
            "Choose a smaller output size"
        )


def _fitted(picture: Image, width: int, height: int) -> Image:
    """Scales (H, W, 3) uint8 to (height, width, 3), with black bars if the aspect ratio differs."""
    ratio = min(width / picture.shape[1], height / picture.shape[0])
    inner = min(width, round(picture.shape[1] * ratio)), min(height, round(picture.shape[0] * ratio))
    if inner == (picture.shape[1], picture.shape[0]):
        scaled = picture
    else:
        method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LANCZOS4
        scaled = np.asarray(cv2.resize(picture, (max(1, inner[0]), max(1, inner[1])), interpolation=method), np.uint8)
    if inner == (width, height):
        return scaled
    top, left = (height - scaled.shape[0]) // 2, (width - scaled.shape[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return canvas
