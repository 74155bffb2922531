"""Turns and mirrors pixels as EXIF or a display matrix says."""

import struct

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
    """Turns a picture upright.

    Args:
        pixels: (H, W, C) as stored.
        orientation: EXIF's 1 to 8; anything else leaves the pixels as they are.

    Returns:
        (H, W, C) or (W, H, C), possibly a view.
    """
    return _turn(pixels, *_EXIF_TURNS.get(orientation, _EXIF_TURNS[1]))


def orient_by_matrix(pixels: NDArray[np.uint8], matrix: bytes | None) -> NDArray[np.uint8]:
    """Turns a video frame as its display matrix says, to the nearest quarter turn.

    Args:
        pixels: (H, W, C) as coded.
        matrix: Nine little-endian int32 in FFmpeg's order, (a, b, u, c, d, v, x, y, w): a point goes from
            (x, y) to (a x + c y, b x + d y), y down. None leaves the pixels as they are.

    Returns:
        (H, W, C) or (W, H, C), possibly a view.
    """
    if matrix is None or len(matrix) < 36:
        return pixels
    a, b, _, c, d, *_ = struct.unpack_from("=9i", matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return _turn(pixels, True, b < 0, c < 0)
    return _turn(pixels, False, d < 0, a < 0)


def _turn(pixels: NDArray[np.uint8], transpose: bool, flip_rows: bool, flip_columns: bool) -> NDArray[np.uint8]:
    turned = pixels.swapaxes(0, 1) if transpose else pixels
    turned = turned[::-1] if flip_rows else turned
    return turned[:, ::-1] if flip_columns else turned
