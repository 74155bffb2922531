"""Pictures that lie on the GPU: seen where they are, by `__cuda_array_interface__` or DLPack, without a copy.

PyTorch, CuPy, pycuda and Numba speak the first, JAX the second.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from fomm_kernels.arrays import Array, view
from fomm_kernels.errors import ArrayError
from fomm_rt.errors import ImageError

LEGACY_DEFAULT_STREAM = 1
"""CUDA's handle of the stream that most libraries queue on unless told otherwise."""

_DLPACK_CUDA = 2


class CudaArray(Protocol):
    """An array on the GPU of PyTorch, CuPy, pycuda or Numba."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...


class DLPackArray(Protocol):
    """An array of any library that exchanges by DLPack."""

    def __dlpack__(self, *, stream: Any = None) -> Any: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...


DeviceImage = CudaArray | DLPackArray
"""(H, W, 3) uint8 RGB on the GPU."""


def is_on_device(image: Any) -> bool:
    """Whether this is an array on a GPU; says nothing of its shape."""
    if isinstance(image, np.ndarray):
        return False
    if getattr(image, "__cuda_array_interface__", None) is not None:
        return True
    device = getattr(image, "__dlpack_device__", None)
    return device is not None and int(device()[0]) == _DLPACK_CUDA


def device_picture(image: Any, name: str = "frame", *, written: bool = False) -> tuple[Array, int]:
    """Sees a picture on the GPU; what is seen must be kept alive by the caller.

    Args:
        image: (H, W, 3) uint8, pixels of a row together, rows padded or not.
        name: For messages.
        written: Whether it is written to.

    Returns:
        The picture, and the handle of the stream on which its owner may still be working on it.

    Raises:
        ImageError: It is no such picture, or may not be written to.
    """
    interface = getattr(image, "__cuda_array_interface__", None)
    try:
        seen = view(image if interface is not None else _from_dlpack(image), name)
    except ArrayError as error:
        raise ImageError(str(error)) from error
    if len(seen.shape) != 3 or seen.shape[2] != 3 or seen.dtype != np.uint8 or 0 in seen.shape:
        raise ImageError(f"{name}: expected an (H, W, 3) uint8 RGB array; got {seen.shape} {seen.dtype} on the GPU")
    if seen.strides[1:] != (3, 1):
        raise ImageError(
            f"{name}: expected the pixels of a row together (strides ..., 3, 1); got {seen.strides}. Make it contiguous"
        )
    if written and not seen.writable:
        raise ImageError(f"{name}: expected an array that may be written to; this one is read-only")
    stream = interface.get("stream") if interface is not None else None
    return seen, LEGACY_DEFAULT_STREAM if stream is None else int(stream)


def batch_of_one(picture: Array) -> Array:
    """(H, W, 3) -> (1, H, W, 3)."""
    height = picture.shape[0]
    return Array(
        picture.address,
        (1, *picture.shape),
        picture.dtype,
        (height * picture.strides[0], *picture.strides),
        picture.on_device,
        picture.writable,
    )


def _from_dlpack(image: Any) -> Array:
    """By cuda.core, which reads DLPack's capsules; the owner is told to make its work on the default stream wait."""
    from cuda.core.utils import StridedMemoryView

    seen = StridedMemoryView.from_dlpack(image, stream_ptr=LEGACY_DEFAULT_STREAM)
    strides = tuple(seen.strides) if seen.strides is not None else ()
    return Array(int(seen.ptr), tuple(seen.shape), np.dtype(seen.dtype), strides, True, not seen.readonly)
