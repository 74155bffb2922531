"""Checks of the arrays that callers pass for frames and results, in host memory or on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from fomm_rt.backends.gpu.device_arrays import device_shape, is_on_device
from fomm_rt.backends.protocol import Backend
from fomm_rt.errors import ImageError
from fomm_rt.framing import Framing, Region
from fomm_rt.image import check_image, pixels_of


def framed(frame: Any, framing: Framing, backend: Backend | None = None) -> tuple[Any, Region]:
    """Checks a frame, (H, W, 3) uint8 or an object that holds such an array in `pixels`; returns array and region.

    The array lies in host memory, or on a GPU if the backend accepts GPU arrays.

    Raises:
        ImageError: Not such an array, one on a GPU that the backend does not take, or the framing lies outside it.
    """
    pixels = pixels_of(frame)
    if backend is None or not is_on_device(pixels):
        check_image(pixels)
        return pixels, framing.region(*pixels.shape[:2])
    _check_device("frame", backend)
    shape = device_shape(pixels)
    if len(shape) != 3 or 0 in shape:
        raise ImageError(f"frame: expected an (H, W, 3) uint8 RGB array; got {shape} on the GPU")
    return pixels, framing.region(*shape[:2])


def check_result(out: Any, size: int, backend: Backend) -> None:
    """Checks an array that a result is written into: (size, size, 3) uint8, writable.

    The dtype of an array on a GPU is checked where it is used.

    Raises:
        ImageError: Not such an array, or one on a GPU that the backend does not take.
    """
    shape = (size, size, 3)
    if is_on_device(out):
        _check_device("out", backend)
        fits, found = device_shape(out) == shape, f"{device_shape(out)} on the GPU"
    elif isinstance(out, np.ndarray):
        fits = out.shape == shape and out.dtype == np.uint8 and out.flags.writeable
        found = f"{out.dtype} {out.shape}{'' if out.flags.writeable else ', read-only'}"
    else:
        fits, found = False, type(out).__name__
    if not fits:
        raise ImageError(f"out: expected a writable uint8 array of shape {shape}; got {found}")


def _check_device(name: str, backend: Backend) -> None:
    if not backend.takes_device_arrays:
        raise ImageError(
            f"{name} lies on a GPU, but {backend.description.name} takes arrays in host memory; "
            "pass a NumPy array, or load the model with a TensorRT backend"
        )
