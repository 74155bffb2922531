"""Arrays as kernels see them: an address, a shape and strides. Nothing is copied or allocated.

Objects with `__cuda_array_interface__` (CuPy, PyTorch, Numba, pycuda) are on the device, NumPy arrays on the host. An
`Array` describes memory that belongs to no such library.

Launches do not wait for the `stream` entry of `__cuda_array_interface__`. The caller orders all work on arrays by the
stream that it gives to the launch.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from fomm_kernels.errors import ArrayError

PIECE_BYTES = 16
"""Bytes that a kernel loads at once if the channels of a pixel are contiguous."""
LARGEST_INT = 2**31 - 1
"""Kernels count the elements of a batch item in int."""


@dataclass(frozen=True)
class Array:
    """Memory with a shape.

    Attributes:
        address: Address of the first element.
        shape: Elements along each axis.
        dtype: Type of an element.
        strides: Strides in elements; C order by default.
        on_device: True if the memory is a GPU's, false if it is the host's.
        writable: True if a kernel may write to it.
    """

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...] = ()
    on_device: bool = True
    writable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if not self.strides:
            object.__setattr__(self, "strides", tuple(prod(self.shape[i + 1 :]) for i in range(len(self.shape))))
        if len(self.strides) != len(self.shape):
            raise ArrayError(f"expected as many strides as axes, {len(self.shape)}; got {self.strides}")

    def describe(self) -> str:
        """Describes the array in one phrase."""
        return f"{self.shape} {self.dtype} on the {'GPU' if self.on_device else 'CPU'}"


def view(array: Any, name: str) -> Array:
    """Returns an array as `Array`.

    Raises:
        ArrayError: It is not an array, or its strides are not multiples of the element size.
    """
    if isinstance(array, Array):
        return array
    try:
        interface = getattr(array, "__cuda_array_interface__", None)
    except RuntimeError as error:  # PyTorch refuses tensors that require gradients
        raise ArrayError(f"{name}: {error}") from error
    on_device = interface is not None
    if interface is None:
        if not isinstance(array, np.ndarray):
            raise ArrayError(
                f"{name}: expected an array with __cuda_array_interface__, a NumPy array or a fomm_kernels.Array; "
                f"got a {type(array).__name__}"
            )
        interface = array.__array_interface__
    dtype = np.dtype(interface["typestr"])
    byte_strides = interface.get("strides")
    if byte_strides is None:
        strides: tuple[int, ...] = ()
    elif any(stride % dtype.itemsize for stride in byte_strides):
        raise ArrayError(f"{name}: its strides {byte_strides} are not whole elements of {dtype}; copy it first")
    else:
        strides = tuple(stride // dtype.itemsize for stride in byte_strides)
    address, read_only = interface["data"]
    return Array(address, tuple(interface["shape"]), dtype, strides, on_device, not read_only)


class Tensor(ctypes.Structure):
    """`struct Tensor` of include/tensor.h."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        *((name, ctypes.c_int) for name in ("batch", "channels", "height", "width")),
        *((name, ctypes.c_longlong) for name in ("batch_stride", "channel_stride", "row_stride", "column_stride")),
    )


class Rows(ctypes.Structure):
    """`struct Rows` of include/tensor.h."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("batch", ctypes.c_int),
        ("rows", ctypes.c_int),
        ("batch_stride", ctypes.c_longlong),
    )


class Arguments:
    """Checks the arrays of one launch and fills structures from them.

    All storage tensors of a launch share one dtype. Where `shared` allows it, a batch of 1 serves every frame.

    Args:
        kernel: Name of the kernel, for messages.
        on_device: True if the arrays must be on the device, false if they must be on the host.
    """

    def __init__(self, kernel: str, on_device: bool) -> None:
        self.kernel = kernel
        self.on_device = on_device
        self.half: bool | None = None

    def array(self, array: Any, name: str, shape: Sequence[int | str], dtype: Any, *, written: bool = False) -> Array:
        """Checks an array and returns its view; a str in `shape` stands for any size of at least 1.

        Raises:
            ArrayError: The array has another shape or dtype, is on the other side, is read-only but `written`, or has
                too many elements for an int.
        """
        seen = view(array, f"{self.kernel}: {name}")
        dtypes = [np.dtype(d) for d in (dtype if isinstance(dtype, tuple) else (dtype,))]
        fits = len(seen.shape) == len(shape) and all(
            size >= 1 and (isinstance(wanted, str) or size == wanted)
            for size, wanted in zip(seen.shape, shape, strict=True)
        )
        if not fits or seen.dtype not in dtypes or seen.on_device != self.on_device:
            wanted = ", ".join(str(size) for size in shape)
            raise ArrayError(
                f"{self.kernel}: expected {name} as ({wanted}) {' or '.join(map(str, dtypes))} on the "
                f"{'GPU' if self.on_device else 'CPU'}; got {seen.describe()}"
            )
        if max(seen.shape[0], prod(seen.shape[1:])) > LARGEST_INT:
            raise ArrayError(
                f"{self.kernel}: expected {name} with at most {LARGEST_INT} items of at most as many elements; got "
                f"{seen.describe()}"
            )
        if written and not seen.writable:
            raise ArrayError(f"{self.kernel}: {name} is read-only, but the kernel writes to it; give a writable array")
        if not seen.address:
            raise ArrayError(f"{self.kernel}: {name} has no address (0); is its memory allocated?")
        if seen.address % seen.dtype.itemsize:
            raise ArrayError(
                f"{self.kernel}: {name} has to be aligned to the {seen.dtype.itemsize} bytes of an element; it lies at "
                f"{seen.address:#x}. Copy it first"
            )
        return seen

    def tensor(
        self, array: Any, name: str, shape: Sequence[int | str], *, written: bool = False, shared: int = 0
    ) -> Tensor:
        """Checks a 4-D storage tensor, float16 or float32 like all others of the launch.

        Args:
            array: The tensor.
            name: Its name in messages.
            shape: As for `array`.
            written: True if the kernel writes to it.
            shared: The batch of the launch, if a batch of 1 may serve all frames.

        Raises:
            ArrayError: As `array`; or the tensor has another float type than earlier ones.
        """
        half = (np.float16, np.float32) if self.half is None else np.float16 if self.half else np.float32
        shape = self._batch_or_one(array, name, shape, shared)
        seen = self.array(array, name, shape, half, written=written)
        self.half = seen.dtype == np.float16
        n, c, h, w = seen.shape
        strides = list(seen.strides)
        if shared and n == 1:
            strides[0] = 0
        return Tensor(seen.address, n, c, h, w, *strides)

    def rows(
        self, array: Any, name: str, shape: tuple[int | str, int | str, int], *, written: bool = False, shared: int = 0
    ) -> Rows:
        """Checks rows of floats (N, rows, length); the arguments are those of `tensor`.

        Raises:
            ArrayError: As `array`; or the rows are not contiguous.
        """
        seen = self.array(array, name, self._batch_or_one(array, name, shape, shared), np.float32, written=written)
        n, rows, length = seen.shape
        if seen.strides[2] != 1 or (seen.strides[1] != length and rows > 1):
            raise ArrayError(f"{self.kernel}: {name} needs dense rows; its strides are {seen.strides}. Copy it first")
        return Rows(seen.address, n, rows, 0 if shared and n == 1 else seen.strides[0])

    def dense(self, array: Any, name: str, shape: Sequence[int | str], *, written: bool = False) -> int:
        """Checks a float32 array in C order; returns its address.

        Raises:
            ArrayError: As `array`; or the array is not in C order.
        """
        seen = self.array(array, name, shape, np.float32, written=written)
        dense = Array(0, seen.shape, seen.dtype).strides
        if any(a != b and size > 1 for a, b, size in zip(seen.strides, dense, seen.shape, strict=True)):
            raise ArrayError(f"{self.kernel}: {name} has to be in C order; its strides are {seen.strides}")
        return seen.address

    def pictures(self, array: Any, shape: Sequence[int | str], *, written: bool = False) -> Array:
        """Checks uint8 pictures (N, H, W, 3) whose rows may be padded; returns their view.

        Raises:
            ArrayError: As `array`; or the bytes of a row are apart.
        """
        seen = self.array(array, "pictures", shape, np.uint8, written=written)
        if seen.strides[2:] != (3, 1):
            raise ArrayError(
                f"{self.kernel}: expected pictures with the bytes of a row together (strides ..., 3, 1); got "
                f"{seen.strides}"
            )
        return seen

    def _batch_or_one(self, array: Any, name: str, shape: Sequence[int | str], shared: int) -> Sequence[int | str]:
        if not shared:
            return shape
        given = view(array, f"{self.kernel}: {name}").shape
        return (1, *shape[1:]) if len(given) == len(shape) and given[0] == 1 else shape


def in_pieces(*tensors: Tensor, half: bool) -> bool:
    """True if the channels of all tensors can be moved in aligned pieces of PIECE_BYTES."""
    piece = PIECE_BYTES // (2 if half else 4)
    return all(
        tensor.channel_stride == 1
        and not tensor.channels % piece
        and not tensor.address % PIECE_BYTES
        and not any(stride % piece for stride in (tensor.batch_stride, tensor.row_stride, tensor.column_stride))
        for tensor in tensors
    )
