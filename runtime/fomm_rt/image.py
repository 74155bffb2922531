"""Images as arrays: what fomm-rt accepts, and the distance between two of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import ImageError

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""


def check_image(image: Image) -> None:
    """Raises ImageError unless the array is (H, W, 3) uint8 with at least one pixel."""
    if not isinstance(image, np.ndarray):
        raise ImageError(f"expected an (H, W, 3) uint8 RGB array; got a {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        hint = "; convert floats with (255 * image).round().astype(numpy.uint8)" if image.dtype.kind == "f" else ""
        raise ImageError(f"expected an (H, W, 3) uint8 RGB array; got {image.shape} {image.dtype}{hint}")


def psnr_db(mean_squared_error: float, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio, 10 · log10(peak² / error), in dB.

    Args:
        mean_squared_error: Over all pixels and channels.
        peak: The largest value a pixel can have: 255 for uint8, 1 for float images.

    Returns:
        Decibels; infinite for no error, NaN for an error that is not a number.
    """
    if mean_squared_error == 0:
        return math.inf
    return 10 * math.log10(peak**2 / mean_squared_error)
