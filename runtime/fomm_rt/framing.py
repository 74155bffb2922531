"""The square of a picture that the networks see, and its resampling to their size. Aspect ratios are kept.

crop (default)   the largest centred square
fit              the whole picture, its edges extended to a square
rectangle        either of them within x, y, width, height, in pixels or percent
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fomm_rt.errors import ImageError
from fomm_rt.image import Image


@dataclass(frozen=True)
class Region:
    """A square, and the part of a picture that lies in it, in pixels. Edge pixels of the part fill the rest.

        ┌──────────── side ────────────┐
        │ top                          │
        │     ┌────── width ─────┐     │
        │left │ (x, y) …         │     │
        │     └──────────────────┘     │
        └──────────────────────────────┘

    Attributes:
        x, y, width, height: The part, within the picture.
        left, top: Position of the part within the square.
        side: Side of the square.
    """

    x: int
    y: int
    width: int
    height: int
    left: int
    top: int
    side: int

    @classmethod
    def square(cls, side: int) -> Region:
        """A whole square picture."""
        return cls(0, 0, side, side, 0, 0, side)


@dataclass(frozen=True)
class Framing:
    """How to choose the square of a picture.

    Attributes:
        mode: "crop" takes the largest centred square, "fit" the whole picture with its edges extended to a square.
        rectangle: Use only this part of the picture: (x, y, width, height).
        unit: "px" for whole pixels of the upright picture, "%" for shares of its width and height.
    """

    mode: Literal["crop", "fit"] = "crop"
    rectangle: tuple[float, float, float, float] | None = None
    unit: Literal["px", "%"] = "px"

    def __post_init__(self) -> None:
        if self.mode not in ("crop", "fit"):
            raise ImageError(f"expected the framing mode crop or fit; got {self.mode!r}")
        if self.rectangle is not None and len(self.rectangle) != 4:
            raise ImageError(f"expected a rectangle (x, y, width, height); got {self.rectangle!r}")
        if not all(math.isfinite(value) for value in self.rectangle or ()):
            raise ImageError(f"expected a rectangle of finite numbers; got {self.rectangle!r}")
        if self.unit not in ("px", "%"):
            raise ImageError(f"expected px or % as the unit of a rectangle; got {self.unit!r}")
        if self.unit == "px" and any(value != int(value) for value in self.rectangle or ()):
            raise ImageError(f"expected a rectangle of whole pixels, or the unit %; got {self.rectangle!r}")

    def region(self, height: int, width: int) -> Region:
        """Computes the region for a picture of this size.

        Raises:
            ImageError: The rectangle does not lie within the picture.
        """
        x, y, w, h = self._part(height, width)
        if w < 1 or h < 1 or x < 0 or y < 0 or x + w > width or y + h > height:
            raise ImageError(
                f"the crop {x},{y},{w},{h} (x,y,width,height) does not lie within the picture of "
                f"{width}×{height} pixels; choose a rectangle inside it"
            )
        if self.mode == "crop":
            side = min(w, h)
            return Region(x + (w - side) // 2, y + (h - side) // 2, side, side, 0, 0, side)
        side = max(w, h)
        return Region(x, y, w, h, (side - w) // 2, (side - h) // 2, side)

    def _part(self, height: int, width: int) -> tuple[int, int, int, int]:
        """x, y, width and height in pixels of the part to use."""
        if self.rectangle is None:
            return 0, 0, width, height
        x, y, w, h = self.rectangle
        if self.unit == "px":
            return int(x), int(y), int(w), int(h)
        left, top = round(x / 100 * width), round(y / 100 * height)
        # Rounding the far edges, not the sizes, keeps 50 % and 50 % within the picture.
        return left, top, round((x + w) / 100 * width) - left, round((y + h) / 100 * height) - top


def placement(region: Region, size: int) -> tuple[int, int, int, int]:
    """(left, top, width, height) in pixels of the region's part, after scaling the square to `size`."""
    scale = size / region.side
    width, height = max(1, round(region.width * scale)), max(1, round(region.height * scale))
    return min(round(region.left * scale), size - width), min(round(region.top * scale), size - height), width, height


def resample(image: Image, region: Region, size: int) -> Image:
    """Cuts a region out of an image and resizes it to (size, size, 3).

    Shrinks by area averaging and enlarges bilinearly. The result may share memory with an image that is not scaled.
    """
    r = region
    cut = image[r.y : r.y + r.height, r.x : r.x + r.width]
    if r.width == r.height == r.side:
        return _resize(cut, size, size)
    import cv2

    # Extending the edges after resizing touches fewer pixels.
    left, top, width, height = placement(r, size)
    bordered = cv2.copyMakeBorder(
        _resize(cut, width, height), top, size - height - top, left, size - width - left, cv2.BORDER_REPLICATE
    )
    return np.asarray(bordered, np.uint8)


def centred_square(image: Image, size: int) -> Image:
    """The largest centred square of an image, resized to (size, size, 3); shares no memory with it."""
    return resample(image, Framing().region(*image.shape[:2]), size).copy()


def _resize(image: Image, width: int, height: int) -> Image:
    import cv2

    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] > height or image.shape[1] > width
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR),
        np.uint8,
    )
