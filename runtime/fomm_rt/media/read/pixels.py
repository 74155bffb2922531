"""Turns stored pixels upright and makes them opaque."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Turn(NamedTuple):
    """How to turn stored pixels: transpose first, then flip rows, flip columns."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool


UPRIGHT = Turn(False, False, False)

BAND_PIXELS = 1 << 20

_EXIF_TURNS = {
    2: Turn(False, False, True),
    3: Turn(False, True, True),
    4: Turn(False, True, False),
    5: Turn(True, False, False),
    6: Turn(True, False, True),
    7: Turn(True, True, True),
    8: Turn(True, True, False),
}


def turn_of_exif(orientation: int) -> Turn:
    """Returns what EXIF's orientation of 1 to 8 asks for."""
    return _EXIF_TURNS.get(orientation, UPRIGHT)


def turn_of_matrix(matrix: bytes) -> Turn:
    """Returns the nearest quarter turn to a display matrix.

    The matrix is nine int32 in FFmpeg's order, (a, b, u, c, d, v, x, y, w): a point goes from (x, y) to
    (a x + c y, b x + d y), y down.
    """
    if len(matrix) < 36:
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack_from("=9i", matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(True, b < 0, c < 0)
    return Turn(False, d < 0, a < 0)


def turn_of_degrees(degrees: int) -> Turn:
    """Returns the nearest quarter turn to a rotation counterclockwise."""
    return {0: UPRIGHT, 1: _EXIF_TURNS[8], 2: _EXIF_TURNS[3], 3: _EXIF_TURNS[6]}[round(degrees / 90) % 4]


def turned(pixels: NDArray[Any], turn: Turn) -> NDArray[Any]:
    """Turns a stored picture, (H, W, C) or (H, W); the result may be a view."""
    pixels = pixels.swapaxes(0, 1) if turn.transpose else pixels
    pixels = pixels[::-1] if turn.flip_rows else pixels
    return pixels[:, ::-1] if turn.flip_columns else pixels


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yields slices of rows that cover a picture, each of about `BAND_PIXELS`.

    What is computed for one pixel at a time is computed band by band, so that its wide intermediate numbers take little
    memory, whatever the size of the picture.
    """
    rows = max(1, BAND_PIXELS // max(1, width))
    return (slice(first, min(first + rows, height)) for first in range(0, height, rows))


def lay_over_white(colour: NDArray[Any], alpha: NDArray[Any], *, premultiplied: bool = False) -> NDArray[Any]:
    """Composites pixels over white, so the colours hidden under full transparency do not show.

    The colour, (H, W, 3), and alpha, (H, W), are of one type, uint8 or uint16. `premultiplied` is True if the colour is
    already multiplied by alpha. The result is contiguous.
    """
    blended = np.empty(colour.shape, colour.dtype)
    for rows in row_bands(*alpha.shape):
        blended[rows] = _over_white(colour[rows], alpha[rows], premultiplied)
    return blended


def _over_white(colour: NDArray[Any], alpha: NDArray[Any], premultiplied: bool) -> NDArray[Any]:
    white = int(np.iinfo(colour.dtype).max)
    if int(alpha.min()) == white:
        return colour
    opacity = alpha[..., None]
    if premultiplied:
        return np.asarray(np.minimum(colour, opacity) + (white - opacity), colour.dtype)
    # white² + white / 2, the largest sum, just fits into twice the bits.
    wide: Any = np.uint16 if colour.dtype == np.uint8 else np.uint32
    opacity = opacity.astype(wide)
    sums = colour * opacity
    sums += white * (white - opacity) + white // 2
    sums //= white
    return np.asarray(sums, colour.dtype)
