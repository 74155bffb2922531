"""Images as arrays: checks, hints for converting other arrays, and PSNR."""

from __future__ import annotations

import math
from contextlib import suppress
from os import PathLike
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import ImageError

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB, of any strides. OpenCV's frames are BGR: pass `frame[..., ::-1]`."""


CHANNELS = (1, 3, 4)
"""Of grey, RGB and RGBA pictures."""


class Frame(Protocol):
    """An object that holds an image in `pixels`, like the frames of a `VideoReader`."""

    @property
    def pixels(self) -> Image:
        """(H, W, 3) uint8, RGB."""


def pixels_of(frame: Any) -> Any:
    """The pixels of a `Frame`; anything else unchanged."""
    return frame if isinstance(frame, np.ndarray) else getattr(frame, "pixels", frame)


def check_image(image: Image) -> None:
    """Raises ImageError, with a way to convert, unless the array is (H, W, 3) uint8 with at least one pixel."""
    if not isinstance(image, np.ndarray):
        raise ImageError(f"expected an (H, W, 3) uint8 RGB array; got a {type(image).__name__}{_conversion(image)}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        found = f"{image.shape} {image.dtype}"
        raise ImageError(f"expected an (H, W, 3) uint8 RGB array; got {found}{_conversion(image)}")


def _conversion(image: Any) -> str:
    """The end of a message: how to convert what was passed as `image`; empty if there is no obvious way."""
    if isinstance(image, str | PathLike):
        return "; read the file with fomm_rt.read_picture(path)"
    if type(image).__module__.startswith("PIL."):
        return '; convert it with numpy.asarray(image.convert("RGB"))'
    array, code = _as_array(image)
    if array.dtype.kind not in "fiu" or array.size == 0:
        return ""
    kinds = []
    if array.ndim == 4 and len(array) == 1:
        kinds, array, code = ["a batch of one"], array[0], f"{code}[0]"
    if array.ndim == 3 and array.shape[0] in CHANNELS and array.shape[2] not in CHANNELS:
        kinds, array, code = [*kinds, "channels first"], array.transpose(1, 2, 0), f"{code}.transpose(1, 2, 0)"
    if array.ndim == 2:
        array, code = array[..., None], f"{code}[..., None]"
    if array.ndim != 3 or array.shape[2] not in CHANNELS:
        return ""
    if array.shape[2] == 1:
        kinds, code = [*kinds, "grey"], f"numpy.repeat({code}, 3, axis=2)"
    elif array.shape[2] == 4:
        kinds, code = [*kinds, "RGBA"], f"{code}[..., :3]"
    if array.dtype.kind == "f":
        kinds, code = [*kinds, "floats from 0 to 1"], f"(255 * {code}).round().clip(0, 255).astype(numpy.uint8)"
    elif array.dtype == np.uint16:
        kinds, code = [*kinds, "16-bit values"], f"({code} / 257).round().astype(numpy.uint8)"
    elif array.dtype != np.uint8:
        kinds, code = [*kinds, "integers from 0 to 255"], f"{code}.astype(numpy.uint8)"
    return f"; convert {', '.join(kinds) or 'it'} with {code}"


def _as_array(image: Any) -> tuple[NDArray[Any], str]:
    """An array, PyTorch tensor or nested list as an array, and the code for it; anything else as an empty array."""
    if isinstance(image, np.ndarray):
        return image, "image"
    if type(image).__module__ == "torch":
        return image.detach().cpu().numpy(), "image.detach().cpu().numpy()"
    with suppress(ValueError):  # of rows that differ in length
        if isinstance(image, list | tuple):
            return np.array(image), "numpy.array(image)"
    return np.empty(0), ""


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
