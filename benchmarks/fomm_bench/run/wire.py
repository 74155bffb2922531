"""Messages between the benchmark and its workers: a JSON header and raw arrays, so that nothing can be unpickled.

    "FMBW" | header length, uint32 | JSON header | arrays, one after another

Numbers are little-endian, arrays in C order. The header's "arrays" lists name, dtype and shape of each. Lengths are
checked before anything is read, so that foreign bytes cannot ask for memory.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import BenchmarkError

MAGIC = b"FMBW"
HEAD = struct.Struct("<4sI")
MOST_HEADER_BYTES = 1 << 24
MOST_ARRAY_BYTES = 1 << 30
"""Of all arrays of a message together."""
DTYPES = ("uint8", "float32", "float64")

Arrays = dict[str, NDArray[Any]]
ReadExactly = Callable[[int], bytes]
"""Reads that many bytes, fewer only where the other end is closed."""
WriteAll = Callable[[bytes], None]


@dataclass(frozen=True, eq=False)
class Message:
    """Plain JSON values and arrays by name."""

    header: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)


class WireError(BenchmarkError):
    """The other end sent something else than a whole message."""


class ClosedError(WireError):
    """The other end closed the connection between two messages."""


def send(write: WriteAll, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Writes one message.

    Args:
        write: Writes all of what it is given.
        header: JSON values; "arrays" is taken.
        arrays: Of DTYPES.

    Raises:
        WireError: An array has another dtype, or the message is larger than a receiver accepts.
    """
    arrays = arrays or {}
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise WireError(f"array {name}: expected dtype {', '.join(DTYPES)}; got {array.dtype}")
    specs = [{"name": n, "dtype": a.dtype.name, "shape": list(a.shape)} for n, a in arrays.items()]
    text = json.dumps({**header, "arrays": specs}).encode()
    size = sum(array.nbytes for array in arrays.values())
    if len(text) > MOST_HEADER_BYTES or size > MOST_ARRAY_BYTES:
        raise WireError(
            f"a message of {len(text)} + {size} bytes is larger than the {MOST_HEADER_BYTES} + {MOST_ARRAY_BYTES} "
            "that a receiver accepts; use fewer frames or a smaller batch"
        )
    write(HEAD.pack(MAGIC, len(text)) + text)
    for array in arrays.values():
        write(np.ascontiguousarray(array).tobytes())


def receive(read: ReadExactly) -> Message:
    """Reads one message.

    Raises:
        ClosedError: There is none, the other end is closed.
        WireError: Foreign bytes, a message that is too large, or one cut off.
    """
    head = read(HEAD.size)
    if not head:
        raise ClosedError("the connection was closed")
    if len(head) < HEAD.size:
        raise WireError(f"a message was cut off after {len(head)} bytes of its head")
    magic, length = HEAD.unpack(head)
    if magic != MAGIC:
        raise WireError(f"expected a message starting with {MAGIC!r}; got {head!r}")
    if length > MOST_HEADER_BYTES:
        raise WireError(f"a header of {length} bytes is announced; at most {MOST_HEADER_BYTES} are allowed")
    try:
        header = json.loads(_exactly(read, length))
        specs = [_checked(spec) for spec in header.pop("arrays")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(f"the header of a message cannot be read ({type(error).__name__}: {error})") from error
    total = sum(size for *_, size in specs)
    if total > MOST_ARRAY_BYTES:
        raise WireError(f"arrays of {total} bytes are announced; at most {MOST_ARRAY_BYTES} are allowed")
    arrays = {}
    for name, dtype, shape, size in specs:
        # A copy, because what comes from bytes is read-only.
        arrays[name] = np.frombuffer(_exactly(read, size), dtype).reshape(shape).copy()
    return Message(header, arrays)


def _checked(spec: Mapping[str, Any]) -> tuple[str, str, tuple[int, ...], int]:
    """-> name, dtype, shape, bytes."""
    dtype, shape = spec["dtype"], tuple(spec["shape"])
    if dtype not in DTYPES or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ValueError(f"an array of dtype {dtype!r} and shape {shape!r}")
    return str(spec["name"]), dtype, shape, math.prod(shape) * np.dtype(dtype).itemsize


def _exactly(read: ReadExactly, size: int) -> bytes:
    found = read(size)
    if len(found) < size:
        raise WireError(f"a message was cut off: expected {size} bytes, got {len(found)}")
    return found
