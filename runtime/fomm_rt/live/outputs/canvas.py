"""The picture for other programs, which always has the same size.

An avatar is scaled to fit. The bars beside it show a dark, blurred enlargement of it. The camera's own picture fills
the canvas instead, so part of it may be cut off.
"""

from __future__ import annotations

import cv2
import numpy as np

from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.frames import LiveFrame
from fomm_rt.media.write.output_formats import LARGEST, SMALLEST

Size = tuple[int, int]
"""Width and height."""

DEFAULT_SIZE: Size = (1280, 720)
"""The size that video calls request from a camera."""

_BRIGHTNESS = 0.4
_CARD_COLOUR = (32, 34, 38)
_BACKGROUND_HEIGHT = 24
"""A background this low, enlarged, looks blurred; it costs next to nothing."""


def check_size(size: Size) -> None:
    """Raises OutputError unless a size is even, as 4:2:0 video requires, and from 16 to 8192 pixels."""
    width, height = size
    if not all(SMALLEST <= side <= LARGEST and side % 2 == 0 for side in size):
        raise OutputError(f"expected even sides from {SMALLEST} to {LARGEST} pixels; got {width}x{height}")


class Canvas:
    """Composes pictures of one size.

    Raises:
        OutputError: As `check_size`.
    """

    def __init__(self, size: Size = DEFAULT_SIZE) -> None:
        check_size(size)
        self.size = size
        width, height = size
        self._pixels = np.empty((height, width, 3), np.uint8)

    def compose(self, frame: LiveFrame, *, is_mirrored: bool) -> Image:
        """Composes the picture of a frame: an avatar is scaled to fit, the camera's own picture fills the canvas.

        Returns:
            (height, width, 3) uint8 RGB; the next call overwrites it.
        """
        picture = np.asarray(cv2.flip(frame.picture, 1), np.uint8) if is_mirrored else frame.picture
        return self._fill(picture) if frame.driver == "passthrough" else self.fit(picture)

    def card(self, thumbnail: Image | None) -> Image:
        """The picture before the first result: an avatar's thumbnail, or a dark plane."""
        if thumbnail is not None:
            return self.fit(thumbnail)
        self._pixels[:] = _CARD_COLOUR
        return self._pixels

    def fit(self, picture: Image) -> Image:
        """A whole (H, W, 3) picture scaled to fit, on a dark, blurred enlargement of itself."""
        width, height = self.size
        rows, columns = picture.shape[:2]
        scale = min(width / columns, height / rows)
        inner_width, inner_height = max(1, round(columns * scale)), max(1, round(rows * scale))
        left, top = (width - inner_width) // 2, (height - inner_height) // 2
        if not left and not top:  # a difference of one pixel does not matter
            inner_width, inner_height = self.size
        else:
            self._draw_bars(picture, left, top, inner_width, inner_height)
        _resize_into(self._pixels[top : top + inner_height, left : left + inner_width], picture)
        return self._pixels

    def _fill(self, picture: Image) -> Image:
        _resize_into(self._pixels, _centre(picture, self.size))
        return self._pixels

    def _draw_bars(self, picture: Image, left: int, top: int, inner_width: int, inner_height: int) -> None:
        width, height = self.size
        small_size = max(2, round(_BACKGROUND_HEIGHT * width / height)), _BACKGROUND_HEIGHT
        small = cv2.resize(_centre(picture, self.size), small_size, interpolation=cv2.INTER_AREA)
        small = cv2.convertScaleAbs(cv2.GaussianBlur(small, (0, 0), 1.0), alpha=_BRIGHTNESS)
        # Only the two bars beside the picture, or above and below it, are enlarged.
        if left:
            share = max(1, round(small_size[0] * left / width))
            bars = [
                (self._pixels[:, :left], small[:, :share]),
                (self._pixels[:, left + inner_width :], small[:, -share:]),
            ]
        else:
            share = max(1, round(small_size[1] * top / height))
            bars = [(self._pixels[:top], small[:share]), (self._pixels[top + inner_height :], small[-share:])]
        for bar, part in bars:
            bar[:] = cv2.resize(part, (bar.shape[1], bar.shape[0]), interpolation=cv2.INTER_LINEAR)


def _resize_into(target: Image, picture: Image) -> None:
    """Resizes a picture to the size of a target and writes it there: sharp enlarged, averaged if it shrinks a lot."""
    height, width = target.shape[:2]
    factor = min(picture.shape[0] / height, picture.shape[1] / width)
    # Averaging costs several times as much as the other two, and is visible only below half the size.
    interpolation = cv2.INTER_CUBIC if factor < 1 else cv2.INTER_LINEAR if factor <= 2 else cv2.INTER_AREA
    target[:] = cv2.resize(picture, (width, height), interpolation=interpolation)


def _centre(picture: Image, size: Size) -> Image:
    """The largest centred part of a picture that has the aspect ratio of a size."""
    rows, columns = picture.shape[:2]
    width, height = size
    scale = max(width / columns, height / rows)
    w, h = min(columns, max(1, round(width / scale))), min(rows, max(1, round(height / scale)))
    x, y = (columns - w) // 2, (rows - h) // 2
    return picture[y : y + h, x : x + w]
