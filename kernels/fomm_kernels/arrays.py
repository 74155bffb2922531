"""Arrays as kernels see them: an address, a shape, strides. Nothing is copied, nothing allocated.

Anything with `__cuda_array_interface__` (CuPy, PyTorch, Numba, pycuda) lies on the device, NumPy's arrays on the host;
an `Array` describes memory that no library speaks for.

The entry `stream` of `__cuda_array_interface__` is not waited for: whoever launches orders the work that fills and
reads arrays by the stream given to the launch.
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
"""What a kernel loads at once where channels lie together."""
LARGEST_INT = 2**31 - 1
"""Kernels count the elements of one item of a batch in int."""


@dataclass(frozen=True)
class Array:
    """Memory with a shape.

    Attributes:
        address: Of the first element.
        shape: Elements along each axis.
        dtype: Of an element.
        strides: Elements from one to the next along each axis; C order by default.
        on_device: Whether a GPU can read it; else a CPU.
        writable: Whether a kernel may write to it.
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
        """One phrase for people."""
        return f"{self.shape} {self.dtype} on the {'GPU' if self.on_device else 'CPU'}"


def view(array: Any, name: str) -> Array:
    """Sees an array as `Array`.

    Raises:
        ArrayError: It is none, or its strides are no whole elements.
    """
    if isinstance(array, Array):
        return array
    try:
        interface = getattr(array, "__cuda_array_interface__", None)
    except RuntimeError as error:  # PyTorch's way to say that a tensor takes part in automatic differentiation
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
    """Checks the arrays of one launch and puts them into structures.

    All storage tensors of a launch share one dtype; a batch of 1 is shown to every frame where that is allowed.

    Args:
        kernel: Its name, for messages.
        on_device: Where the arrays have to lie.
    """

    def __init__(self, kernel: str, on_device: bool) -> None:
        self.kernel = kernel
        self.on_device = on_device
        self.half: bool | None = None

    def array(self, array: Any, name: str, shape: Sequence[int | str], dtype: Any, *, written: bool = False) -> Array:
        """The view of an array whose shape fits; a str in `shape` is any size, of which at least 1.

        Raises:
            ArrayError: Shape, dtype or side are others, it may not be written, or it is too large to be counted in int.
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
        """A 4-D storage tensor, float16 or float32 like all others of the launch.

        Args:
            array: The tensor.
            name: For messages.
            shape: See `array`.
            written: Whether the kernel writes to it.
            shared: The batch of the launch, if a batch of 1 may serve all of its frames.

        Raises:
            ArrayError: As `array`; or it is of another float type than the tensors before.
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
        """Rows of floats (N, rows, length); see `tensor` for the arguments.

        Raises:
            ArrayError: As `array`; or the rows are not dense.
        """
        seen = self.array(array, name, self._batch_or_one(array, name, shape, shared), np.float32, written=written)
        n, rows, length = seen.shape
        if seen.strides[2] != 1 or (seen.strides[1] != length and rows > 1):
            raise ArrayError(f"{self.kernel}: {name} needs dense rows; its strides are {seen.strides}. Copy it first")
        return Rows(seen.address, n, rows, 0 if shared and n == 1 else seen.strides[0])

    def dense(self, array: Any, name: str, shape: Sequence[int | str], *, written: bool = False) -> int:
        """The address of a float32 array in C order.

        Raises:
            ArrayError: As `array`; or it is in another order.
        """
        seen = self.array(array, name, shape, np.float32, written=written)
        dense = Array(0, seen.shape, seen.dtype).strides
        if any(a != b and size > 1 for a, b, size in zip(seen.strides, dense, seen.shape, strict=True)):
            raise ArrayError(f"{self.kernel}: {name} has to be in C order; its strides are {seen.strides}")
        return seen.address

    def _batch_or_one(self, array: Any, name: str, shape: Sequence[int | str], shared: int) -> Sequence[int | str]:
        if not shared:
            return shape
        given = view(array, f"{self.kernel}: {name}").shape
        return (1, *shape[1:]) if len(given) == len(shape) and given[0] == 1 else shape


def in_pieces(*tensors: Tensor, half: bool) -> bool:
    """Whether channels of all tensors can be moved in aligned pieces of PIECE_BYTES."""
    piece = PIECE_BYTES // (2 if half else 4)
    return all(
        tensor.channel_stride == 1
        and not tensor.channels % piece
        and not tensor.address % PIECE_BYTES
        and not any(stride % piece for stride in (tensor.batch_stride, tensor.row_stride, tensor.column_stride))
        for tensor in tensors
    )
