"""Pictures that show their number, so that order, losses and delay can be measured where they arrive.

Sixteen bars across the upper half, white for 1, the highest bit on the left: coarse enough for every codec and size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BARS = 16


def number_of(picture: NDArray[np.uint8]) -> int:
    """Reads the number of a picture, (H, W, 3) uint8 RGB, also of one that a fake camera drew."""
    height, width = picture.shape[:2]
    centres = [int((bar + 0.5) * width / BARS) for bar in range(BARS)]
    return sum((int(picture[height // 4, x].mean()) > 128) << (BARS - 1 - bar) for bar, x in enumerate(centres))


def numbered(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Draws the picture of a number, (height, width, 3) uint8 RGB."""
    picture = np.full((height, width, 3), 96, np.uint8)
    for x in range(width):
        picture[: height // 2, x] = 235 if number >> (BARS - 1 - x * BARS // width) & 1 else 16
    return picture
