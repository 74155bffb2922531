"""Pictures on the GPU, read in place by `__cuda_array_interface__` (PyTorch, CuPy, pycuda, Numba) or DLPack (JAX)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from fomm_kernels.arrays import Array, view
from fomm_kernels.device import stream_handle
from fomm_kernels.errors import ArrayError
from fomm_rt.backends.gpu.device import Device
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


@dataclass(frozen=True, eq=False)
class DevicePicture:
    """A picture of another library on the GPU, which lives at least as long as this object.

    Attributes:
        array: (H, W, 3) uint8, pixels of a row contiguous.
        owner_stream: Handle of the stream to wait for first, if any.
        owners: What keeps the memory: the given array, and the view that its library exported.
    """

    array: Array
    owner_stream: int | None
    owners: tuple[Any, ...] = field(repr=False)


def device_picture(
    image: Any, device: Device, stream: Any, name: str = "frame", *, written: bool = False
) -> DevicePicture:
    """Returns a view of a picture on the GPU.

    Args:
        image: (H, W, 3) uint8, pixels of a row contiguous, rows possibly padded.
        device: The GPU that it must be on.
        stream: The stream that will use it. With DLPack, the owner makes that stream wait for its own work.
        name, written: The picture's name in messages; True if it will be written to.

    Raises:
        ImageError: The picture has another shape, type or layout, is on another GPU, or is read-only but `written`.
    """
    interface = getattr(image, "__cuda_array_interface__", None)
    # The interface may name the owner's stream. PyTorch's does not, but its DLPack export follows the current stream.
    by_dlpack = interface is None or (interface.get("stream") is None and hasattr(image, "__dlpack__"))
    if hasattr(image, "__dlpack_device__"):
        kind, number = image.__dlpack_device__()
        _check_gpu(int(number) if kind == _DLPACK_CUDA else None, device, name)  # before its owner sees our stream
    exported = None
    try:
        if by_dlpack:
            exported, seen = _from_dlpack(image, stream_handle(stream))
        else:
            seen = view(image, name)
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
    _check_gpu(device.gpu_of(seen.address), device, name)
    if by_dlpack or interface is None:
        return DevicePicture(seen, None, (image, exported))
    return DevicePicture(seen, int(interface.get("stream") or LEGACY_DEFAULT_STREAM), (image,))


def batch_of_one(picture: Array) -> Array:
    """(H, W, 3) -> (1, H, W, 3)."""
    strides = picture.shape[0] * picture.strides[0], *picture.strides
    return replace(picture, shape=(1, *picture.shape), strides=strides)


def _check_gpu(number: int | None, device: Device, name: str) -> None:
    if number not in (None, device.ordinal):
        raise ImageError(
            f"{name}: expected an array on GPU {device.ordinal} ({device.name}), which runs the model; got one on GPU "
            f"{number}. Copy it to GPU {device.ordinal} first"
        )


def _from_dlpack(image: Any, stream: int) -> tuple[Any, Array]:
    """Exports an array by cuda.core, which reads DLPack capsules; its owner makes `stream` wait for queued work.

    Returns the exported view, which keeps the memory, and what it shows.
    """
    from cuda.core.utils import StridedMemoryView

    exported = StridedMemoryView.from_dlpack(image, stream_ptr=stream)
    strides = tuple(exported.strides) if exported.strides is not None else ()
    shape, dtype = tuple(exported.shape), np.dtype(exported.dtype)
    return exported, Array(int(exported.ptr), shape, dtype, strides, True, not exported.readonly)
