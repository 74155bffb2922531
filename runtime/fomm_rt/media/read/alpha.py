"""Removes transparency from pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def lay_over_white(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Composites pixels over white, so the colours hidden under full transparency do not show.

    Args:
        colour: (H, W, 3) uint8 or uint16, not premultiplied.
        alpha: (H, W) of the same type; its largest value is opaque.

    Returns:
        (H, W, 3) of the same type, rounded.
    """
    white = int(np.iinfo(colour.dtype).max)
    if int(alpha.min()) == white:
        return colour
    opacity = alpha.astype(np.uint64)[..., None]
    blended = colour * opacity + white * (white - opacity)
    return ((blended + white // 2) // white).astype(colour.dtype)
