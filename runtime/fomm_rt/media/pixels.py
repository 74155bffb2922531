"""The one form in which pixels enter and leave the media layer."""

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import ImageError


def require_pixels(pixels: NDArray[np.uint8]) -> None:
    """Makes sure that an array is a picture.

    Args:
        pixels: Expected to be (H, W, 3) uint8 RGB with at least one pixel.

    Raises:
        ImageError: If it is anything else.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ImageError(
            f"A picture is an (H, W, 3) uint8 array; this one is {pixels.shape} {pixels.dtype}. "
            "Convert it before writing."
        )
