"""Panels: small pictures with transparency that lie over the picture in the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.image import Image
from fomm_rt.live.outputs.window.text import REGULAR, Coverage, line_height, line_of

Colour = tuple[int, int, int]

WHITE: Colour = (240, 241, 243)
DIM: Colour = (166, 172, 181)
ACCENT: Colour = (94, 206, 255)
SHADE: Colour = (17, 19, 23)
RAISED: Colour = (52, 57, 66)
EDGE: Colour = (120, 128, 140)
RED: Colour = (232, 62, 54)
AMBER: Colour = (255, 190, 61)

SEE_THROUGH, SOLID = 214, 238
"""Opacity of a panel, out of 255: small ones, and those that are read at length."""


class Box(NamedTuple):
    """A rectangle in pixels of the window."""

    x: int
    y: int
    width: int
    height: int

    def contains(self, x: float, y: float) -> bool:
        """True if the point lies in it."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True)
class Style:
    """Sizes in pixels, which follow the size of the window.

    Attributes:
        text: Size of usual text.
    """

    text: int

    @classmethod
    def of_window(cls, width: int, height: int, pixel_ratio: float = 1.0) -> Style:
        """The sizes for a window of this size in pixels; `pixel_ratio` is above 1 on a high-density display."""
        points = min(width, height) / pixel_ratio
        return cls(max(10, round(pixel_ratio * min(7 + points / 90, 22))))

    @property
    def small(self) -> int:
        """Size of small text."""
        return max(9, round(0.85 * self.text))

    @property
    def line(self) -> int:
        """Height of a line of usual text."""
        return line_height(self.text)

    @property
    def padding(self) -> int:
        """Space between the edge of a panel and its text."""
        return round(0.8 * self.text)

    @property
    def gap(self) -> int:
        """Space between panels, and around them."""
        return round(0.8 * self.text)

    @property
    def radius(self) -> int:
        """Of the corners of panels."""
        return round(0.5 * self.text)


class Canvas:
    """A panel while it is drawn.

    Attributes:
        pixels: (height, width, 4) uint8 RGBA, not premultiplied.
    """

    def __init__(
        self, width: int, height: int, radius: int = 0, colour: Colour = SHADE, opacity: int = SEE_THROUGH
    ) -> None:
        self.pixels: NDArray[np.uint8] = np.empty((height, width, 4), np.uint8)
        self.pixels[..., :3] = colour
        self.pixels[..., 3] = opacity if radius == 0 else _rounded(width, height, radius, opacity)
        if radius:  # a thin edge sets the panel off from dark pictures
            inner = np.pad(_rounded(width - 2, height - 2, radius - 1, 255), 1)
            self.blend(0, 0, np.asarray(_rounded(width, height, radius, 255) - inner, np.uint8) // 2, EDGE)

    def write(self, x: int, y: int, text: str, size: int, colour: Colour = WHITE, weight: int = REGULAR) -> None:
        """Writes a line of text with its upper left corner at (x, y), clipped to the canvas."""
        self.blend(x, y, line_of(text, size, weight), colour)

    def write_right(
        self, right: int, y: int, text: str, size: int, colour: Colour = WHITE, weight: int = REGULAR
    ) -> None:
        """Writes a line of text that ends at `right`."""
        coverage = line_of(text, size, weight)
        self.blend(right - coverage.shape[1], y, coverage, colour)

    def fill(self, box: Box, radius: int, colour: Colour) -> None:
        """Fills a rectangle with rounded corners."""
        self.blend(box.x, box.y, _rounded(box.width, box.height, radius, 255), colour)

    def dot(self, x: int, y: int, radius: int, colour: Colour) -> None:
        """Fills a circle around (x, y)."""
        self.fill(Box(x - radius, y - radius, 2 * radius, 2 * radius), radius, colour)

    def place(self, x: int, y: int, picture: Image) -> None:
        """Puts an opaque (h, w, 3) uint8 RGB picture at (x, y)."""
        self.pixels[y : y + picture.shape[0], x : x + picture.shape[1], :3] = picture
        self.pixels[y : y + picture.shape[0], x : x + picture.shape[1], 3] = 255

    def blend(self, x: int, y: int, coverage: Coverage, colour: Colour) -> None:
        """Lays a colour over the pixels that `coverage` covers, with its upper left corner at (x, y)."""
        part = self.pixels[max(y, 0) : y + coverage.shape[0], max(x, 0) : x + coverage.shape[1]]
        cut = coverage[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
        share = cut.astype(np.float32)[..., None] / 255
        below = part[..., 3:].astype(np.float32) / 255 * (1 - share)
        opacity = share + below
        mixed = (np.array(colour, np.float32) * share + part[..., :3] * below) / np.maximum(opacity, 1e-6)
        part[..., :3] = np.rint(mixed)
        part[..., 3:] = np.rint(opacity * 255)


@dataclass(frozen=True, eq=False)
class Panel:
    """A drawn panel and its place.

    Attributes:
        x, y: Upper left corner in pixels of the window.
        pixels: (height, width, 4) uint8 RGBA, not premultiplied.
    """

    x: int
    y: int
    pixels: NDArray[np.uint8]

    @property
    def box(self) -> Box:
        """The rectangle that it covers."""
        return Box(self.x, self.y, self.pixels.shape[1], self.pixels.shape[0])


def _rounded(width: int, height: int, radius: int, value: int) -> Coverage:
    """(height, width) uint8 of one value, with smooth rounded corners."""
    mask = np.full((height, width), value, np.uint8)
    radius = min(radius, width // 2, height // 2)
    if radius:
        large = np.zeros((4 * radius, 4 * radius), np.uint8)
        cv2.circle(large, (4 * radius, 4 * radius), 4 * radius, (value,), -1)
        corner = np.asarray(cv2.resize(large, (radius, radius), interpolation=cv2.INTER_AREA), np.uint8)
        mask[:radius, :radius], mask[:radius, -radius:] = corner, corner[:, ::-1]
        mask[-radius:, :radius], mask[-radius:, -radius:] = corner[::-1], corner[::-1, ::-1]
    return mask
