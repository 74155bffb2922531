"""Turns stored pixels upright and makes them opaque."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

# EXIF orientation -> (transpose first, then flip rows, flip columns).
_EXIF_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def orient_by_exif(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turns a stored picture, (H, W, C), upright by EXIF's orientation of 1 to 8; possibly a view."""
    return _turn(pixels, *_EXIF_TURNS.get(orientation, _EXIF_TURNS[1]))


def orient_by_matrix(pixels: NDArray[np.uint8], matrix: bytes) -> NDArray[np.uint8]:
    """Turns a video frame as its display matrix says, to the nearest quarter turn.

    The matrix is nine little-endian int32 in FFmpeg's order, (a, b, u, c, d, v, x, y, w): a point goes from (x, y) to
    (a x + c y, b x + d y), y down. The pixels are (H, W, C), as coded; the result may be a view.
    """
    if len(matrix) < 36:
        return pixels
    a, b, _, c, d, *_ = struct.unpack_from("=9i", matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return _turn(pixels, True, b < 0, c < 0)
    return _turn(pixels, False, d < 0, a < 0)


def _turn(pixels: NDArray[np.uint8], transpose: bool, flip_rows: bool, flip_columns: bool) -> NDArray[np.uint8]:
    turned = pixels.swapaxes(0, 1) if transpose else pixels
    turned = turned[::-1] if flip_rows else turned
    return turned[:, ::-1] if flip_columns else turned


def lay_over_white(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Composites pixels over white, so the colours hidden under full transparency do not show.

    The colour, (H, W, 3), is not premultiplied; alpha, (H, W), is of the same type, uint8 or uint16.
    """
    white = int(np.iinfo(colour.dtype).max)
    if int(alpha.min()) == white:
        return colour
    opacity = alpha.astype(np.uint64)[..., None]
    blended = colour * opacity + white * (white - opacity)
    return ((blended + white // 2) // white).astype(colour.dtype)
