"""Draws square pictures side by side on one canvas, with small text.

┌───────────────────────────┐
│ caption (optional)        │
│ headings (optional)       │
│ ┌──────┐ ┌──────┐ ┌────┐  │
│ │ tile │ │ tile │ │ …  │  │  tiles of one size, GUTTER pixels between them and around
│ └──────┘ └──────┘ └────┘  │
└───────────────────────────┘
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.image import Image

GUTTER = 4
BAND_HEIGHT = 28
BACKGROUND = (22, 23, 26)
TEXT_COLOUR = (236, 236, 236)

WIDEST = 2
"""A grid has at most this many times as many columns as rows."""

LABEL_SHADE = 0.62
"""How much the picture under a label is darkened; 1 is black."""

# OpenCV before version 5 draws fonts with jagged edges; drawing larger and averaging down smooths them.
_OVERSAMPLING = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.42
_PADDING = 6


class TileGrid:
    """A canvas, (H, W, 3) uint8, of rows × columns tiles of (size, size) pixels, which are views of it.

    A caption stands above all tiles; `with_headings` leaves room for a line of text above each column.
    """

    def __init__(self, rows: int, columns: int, size: int, *, caption: str = "", with_headings: bool = False) -> None:
        self._size, self._step = size, size + GUTTER
        self._top = BAND_HEIGHT * (bool(caption) + with_headings)
        shape = (self._top + rows * self._step + GUTTER, columns * self._step + GUTTER, 3)
        self.canvas: Image = np.full(shape, BACKGROUND, np.uint8)
        if caption:
            write_at_the_left(self.canvas[:BAND_HEIGHT, GUTTER:], caption)

    def tile(self, row: int, column: int) -> Image:
        """Returns a view of the canvas, (size, size, 3) uint8."""
        top, left = self._top + GUTTER + row * self._step, GUTTER + column * self._step
        return self.canvas[top : top + self._size, left : left + self._size]

    def write_heading(self, column: int, text: str) -> None:
        """Writes the line above a column; writing twice would mix both texts."""
        left = GUTTER + column * self._step
        write_at_the_left(self.canvas[self._top - BAND_HEIGHT : self._top, left : left + self._size], text)


def grid_shape(count: int) -> tuple[int, int]:
    """Returns rows and columns for `count` tiles: few empty places, wider than high but not a strip."""
    shapes = [(ceil(count / columns), columns) for columns in range(1, count + 1)]
    even = [(rows, columns) for rows, columns in shapes if rows <= columns <= WIDEST * rows]
    return min(even, key=lambda shape: (shape[0] * shape[1], shape[1]))


def draw_label(picture: Image, text: str) -> None:
    """Writes small light text on a dark shade into the upper left corner of (S, S, 3) uint8, in place."""
    coverage = _text_coverage(text, picture.shape[1] - 2 * _PADDING)
    height, width = coverage.shape
    part = picture[: height + _PADDING, : width + 2 * _PADDING]
    part[...] = part * (1 - LABEL_SHADE)
    _blend(part[_PADDING // 2 : _PADDING // 2 + height, _PADDING : _PADDING + width], coverage)


def write_centred(picture: Image, text: str) -> None:
    """Writes a line of text into the middle of (H, W, 3) uint8, in place."""
    coverage = _text_coverage(text, picture.shape[1] - 2 * _PADDING)
    _write(picture, coverage, (picture.shape[1] - coverage.shape[1]) // 2)


def write_at_the_left(band: Image, text: str) -> None:
    """Writes a line of text at the left of (H, W, 3) uint8, in place."""
    _write(band, _text_coverage(text, band.shape[1] - _PADDING), 2)


def _write(picture: Image, coverage: NDArray[np.float32], left: int) -> None:
    height, width = coverage.shape
    top = (picture.shape[0] - height) // 2
    _blend(picture[top : top + height, left : left + width], coverage)


def _blend(part: Image, coverage: NDArray[np.float32]) -> None:
    share = coverage[..., None]
    part[...] = np.rint(part * (1 - share) + np.array(TEXT_COLOUR, np.float32) * share)


@lru_cache(maxsize=64)
def _text_coverage(text: str, width: int) -> NDArray[np.float32]:
    """Returns the share of each pixel that text covers, (h, w) float32 in [0, 1]; shrunk to fit the width."""
    scale, stroke = _FONT_SCALE * _OVERSAMPLING, _OVERSAMPLING + 1
    (text_width, ascent), descent = cv2.getTextSize(text, _FONT, scale, stroke)
    drawn = np.zeros((ascent + descent + 2 * stroke, text_width + 2 * stroke), np.uint8)
    cv2.putText(drawn, text, (stroke, ascent + stroke), _FONT, scale, 255, stroke, cv2.LINE_AA)
    ratio = min(1 / _OVERSAMPLING, width / drawn.shape[1])
    size = (max(1, int(drawn.shape[1] * ratio)), max(1, round(drawn.shape[0] * ratio)))
    return np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
