"""Pictures on the GPU, read in place by `__cuda_array_interface__` (PyTorch, CuPy, pycuda, Numba) or DLPack (JAX)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from fomm_kernels.arrays import Array, view
from fomm_kernels.errors import ArrayError
from fomm_rt.errors import ImageError

LEGACY_DEFAULT_STREAM = 1
"""CUDA's handle of the default stream, which most libraries use unless told otherwise."""

_DLPACK_CUDA = 2


class CudaArray(Protocol):
    """An array on the GPU from PyTorch, CuPy, pycuda or Numba."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...


class DLPackArray(Protocol):
    """An array from any library that supports DLPack."""

    def __dlpack__(self, *, stream: Any = None) -> Any: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...


DeviceImage = CudaArray | DLPackArray
"""(H, W, 3) uint8 RGB on the GPU."""


def is_on_device(image: Any) -> bool:
    """True if this is an array on a GPU, of whatever shape."""
    if isinstance(image, np.ndarray):
        return False
    if getattr(image, "__cuda_array_interface__", None) is not None:
        return True
    device = getattr(image, "__dlpack_device__", None)
    return device is not None and int(device()[0]) == _DLPACK_CUDA


def device_shape(image: Any) -> tuple[int, ...]:
    """The shape of an array on the GPU, read without exporting it."""
    interface = getattr(image, "__cuda_array_interface__", None)
    return tuple(image.shape if interface is None else interface["shape"])


def device_picture(image: Any, stream: int, name: str = "frame", *, written: bool = False) -> tuple[Array, int | None]:
    """Returns a view of a picture on the GPU; the caller keeps the picture alive.

    Args:
        image: (H, W, 3) uint8, pixels of a row contiguous, rows possibly padded.
        stream: Handle of the stream that will use it. With DLPack, the owner makes that stream wait for its own work.
        name, written: The picture's name in messages; True if it will be written to.

    Returns:
        The view, and the handle of a stream to wait for first, if any.

    Raises:
        ImageError: The picture has another shape, type or layout, or is read-only but `written`.
    """
    interface = getattr(image, "__cuda_array_interface__", None)
    # The interface may name the owner's stream. PyTorch's does not, but its DLPack export follows the current stream.
    by_dlpack = interface is None or (interface.get("stream") is None and hasattr(image, "__dlpack__"))
    try:
        seen = _from_dlpack(image, stream) if by_dlpack else view(image, name)
    except ArrayError as error:
        raise ImageError(str(error)) from error
    if len(seen.shape) != 3 or seen.shape[2] != 3 or seen.dtype != np.uint8 or 0 in seen.shape:
        raise ImageError(f"{name}: expected an (H, W, 3) uint8 RGB array; got {seen.shape} {seen.dtype} on the GPU")
    if seen.strides[1:] != (3, 1):
        raise ImageError(
            f"{name}: expected contiguous rows (strides ..., 3, 1); got {seen.strides}. Make a contiguous copy"
        )
    if written and not seen.writable:
        raise ImageError(f"{name}: expected a writable array; got a read-only one")
    if by_dlpack or interface is None:
        return seen, None
    return seen, int(interface.get("stream") or LEGACY_DEFAULT_STREAM)


def batch_of_one(picture: Array) -> Array:
    """(H, W, 3) -> (1, H, W, 3)."""
    strides = picture.shape[0] * picture.strides[0], *picture.strides
    return replace(picture, shape=(1, *picture.shape), strides=strides)


def _from_dlpack(image: Any, stream: int) -> Array:
    """Imports an array by cuda.core, which reads DLPack capsules; its owner makes `stream` wait for queued work."""
    from cuda.core.utils import StridedMemoryView

    seen = StridedMemoryView.from_dlpack(image, stream_ptr=stream)
    strides = tuple(seen.strides) if seen.strides is not None else ()
    return Array(int(seen.ptr), tuple(seen.shape), np.dtype(seen.dtype), strides, True, not seen.readonly)
