"""Which square of a picture the networks see, and its resampling to their size. Nothing is ever squashed.

crop (default)   the largest centred square            ┌──┬────┬──┐
fit              the whole picture, edges extended     └──┴────┴──┘
rectangle        either of them within x, y, w, h
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import ImageError

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""


@dataclass(frozen=True)
class Square:
    """A square of a picture in pixels; may reach beyond the picture, whose edge pixels are then extended."""

    x: int
    y: int
    side: int


@dataclass(frozen=True)
class Framing:
    """How to choose the square.

    Attributes:
        mode: "crop": the largest square centred within; "fit": the smallest square around.
        rectangle: (x, y, width, height) in pixels to look at; the whole picture by default.
    """

    mode: Literal["crop", "fit"] = "crop"
    rectangle: tuple[int, int, int, int] | None = None

    def square(self, height: int, width: int) -> Square:
        """The square for a picture of this size.

        Raises:
            ImageError: The rectangle does not lie within the picture.
        """
        x, y, w, h = self.rectangle or (0, 0, width, height)
        if w < 1 or h < 1 or x < 0 or y < 0 or x + w > width or y + h > height:
            raise ImageError(
                f"the crop {x},{y},{w},{h} (x,y,width,height) does not lie within the picture of "
                f"{width}×{height} pixels; choose a rectangle inside it"
            )
        side = min(w, h) if self.mode == "crop" else max(w, h)
        return Square(x + (w - side) // 2, y + (h - side) // 2, side)


def check_image(image: Image) -> None:
    """Raises ImageError unless the array is (H, W, 3) uint8 with at least one pixel."""
    if not isinstance(image, np.ndarray):
        raise ImageError(f"expected an (H, W, 3) uint8 RGB array; got a {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        hint = "; convert floats with (255 * image).round().astype(numpy.uint8)" if image.dtype.kind == "f" else ""
        raise ImageError(f"expected an (H, W, 3) uint8 RGB array; got {image.shape} {image.dtype}{hint}")


def resample(image: Image, square: Square, size: int) -> Image:
    """Cuts the square out of an image and resizes it to (size, size, 3).

    Area averaging when it shrinks, bilinear when it grows. The result may share memory with the image when
    neither is needed.
    """
    import cv2

    height, width = image.shape[:2]
    left, top = max(0, -square.x), max(0, -square.y)
    right = max(0, square.x + square.side - width)
    bottom = max(0, square.y + square.side - height)
    cut = image[max(0, square.y) : square.y + square.side, max(0, square.x) : square.x + square.side]
    if left or top or right or bottom:
        # Extending a large picture pixel by pixel would be wasteful: shrink first, extend after.
        scale = size / square.side
        inner = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
        cut = _resize(cut, inner[0], inner[1])
        x, y = min(round(left * scale), size - inner[0]), min(round(top * scale), size - inner[1])
        return np.asarray(
            cv2.copyMakeBorder(cut, y, size - inner[1] - y, x, size - inner[0] - x, cv2.BORDER_REPLICATE),
            np.uint8,
        )
    return _resize(cut, size, size)


def _resize(image: Image, width: int, height: int) -> Image:
    import cv2

    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] > height or image.shape[1] > width
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR),
        np.uint8,
    )
