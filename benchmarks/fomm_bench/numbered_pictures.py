"""Pictures that show their number, so that order, losses and delay can be measured where they arrive.

Sixteen bars across the upper half, white for 1, the highest bit on the left: coarse enough for every codec and size.
The fake video devices of the tests draw the same pictures.
"""

from __future__ import annotations

import numpy as np

from fomm_rt.image import Image

BARS = 16
WHITE, BLACK, GREY = 235, 16, 96


def numbered(number: int, width: int = 320, height: int = 240, *, in_square: bool = False) -> Image:
    """Draws the picture of a number, (height, width, 3) uint8 RGB.

    Args:
        number: From 0 to 65535.
        width, height: Of the picture in pixels.
        in_square: Draw the bars within the largest centred square, which a session cuts out.
    """
    picture = np.full((height, width, 3), GREY, np.uint8)
    left, side = _bars_of(picture, in_square)
    for x in range(side):
        picture[: height // 2, left + x] = WHITE if number >> (BARS - 1 - x * BARS // side) & 1 else BLACK
    return picture


def number_of(picture: Image, *, in_square: bool = False) -> int:
    """Reads the number of a picture that `numbered` drew, also after encoding, resizing, or cropping to the square."""
    left, side = _bars_of(picture, in_square)
    centres = [left + int((bar + 0.5) * side / BARS) for bar in range(BARS)]
    row = picture[picture.shape[0] // 4]
    return sum((int(row[x].mean()) > 128) << (BARS - 1 - bar) for bar, x in enumerate(centres))


def _bars_of(picture: Image, in_square: bool) -> tuple[int, int]:
    """Left end and width of the bars in pixels."""
    height, width = picture.shape[:2]
    side = min(height, width) if in_square else width
    return (width - side) // 2, side
