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


def device_shape(image: Any) -> tuple[int, ...]:
    """The shape of an array on the GPU, without a claim on it."""
    interface = getattr(image, "__cuda_array_interface__", None)
    return tuple(image.shape if interface is None else interface["shape"])


def device_picture(image: Any, stream: int, name: str = "frame", *, written: bool = False) -> tuple[Array, int | None]:
    """Sees a picture on the GPU; what is seen must be kept alive by the caller.

    Args:
        image: (H, W, 3) uint8, pixels of a row together, rows padded or not.
        stream: Handle of the stream that will read or write it. By DLPack the owner makes that one wait for its work.
        name: For messages.
        written: Whether it is written to.

    Returns:
        The picture, and the handle of another stream that has to be waited for, if any.

    Raises:
        ImageError: It is no such picture, or may not be written to.
    """
    interface = getattr(image, "__cuda_array_interface__", None)
    # An interface may name the owner's stream. PyTorch's does not, but by DLPack it tells of the current one.
    by_dlpack = interface is None or (interface.get("stream") is None and hasattr(image, "__dlpack__"))
    try:
        seen = _from_dlpack(image, stream) if by_dlpack else view(image, name)
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
    if by_dlpack or interface is None:
        return seen, None
    return seen, int(interface.get("stream") or LEGACY_DEFAULT_STREAM)


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


def _from_dlpack(image: Any, stream: int) -> Array:
    """By cuda.core, which reads DLPack's capsules; the owner is told which stream has to wait for it."""
    from cuda.core.utils import StridedMemoryView

    seen = StridedMemoryView.from_dlpack(image, stream_ptr=stream)
    strides = tuple(seen.strides) if seen.strides is not None else ()
    return Array(int(seen.ptr), tuple(seen.shape), np.dtype(seen.dtype), strides, True, not seen.readonly)
