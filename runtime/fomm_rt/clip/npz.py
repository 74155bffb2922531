"""Reads named arrays from an .npz file that may be damaged or malicious.

Only requested arrays are read. Their sizes are compared with the available bytes before any memory is allocated:
NumPy would trust a shape of terabytes.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

LARGEST_DIRECTORY_BYTES = 1 << 16
"""Of the list of arrays; one entry takes less than 100."""
LARGEST_HEADER_BYTES = 1 << 12
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\5\6", 22, 1 << 16
_LARGE_END, _LARGE_END_BYTES = b"PK\6\7", 20
_KINDS = "fiuU"
_DAMAGED = "it is damaged or of another kind"


class UnreadableArrayError(Exception):
    """A file is damaged, of another kind, or holds more than it may."""


def read_arrays(path: Path, names: Collection[str], most_bytes: int) -> dict[str, NDArray[Any]]:
    """Reads those of the named arrays that a file has: numbers or text, of any shape.

    Args:
        path: The file.
        names: Of the arrays.
        most_bytes: Limit of all of their content together.

    Raises:
        UnreadableArrayError: The file is damaged or another one, or the arrays exceed the limit.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        _check_directory(file)
        # The layers that an archive is read through report damage in a dozen ways: tokenize.TokenError, zlib.error, ...
        try:
            with zipfile.ZipFile(file) as archive:
                infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                wanted = {name: infos[name] for name in names if name in infos}
                if sum(info.file_size for info in wanted.values()) > most_bytes:
                    raise UnreadableArrayError(f"its arrays have more than {most_bytes} bytes")
                arrays = {}
                for name, info in wanted.items():
                    with archive.open(info) as member:
                        arrays[name] = _read_array(member, info.file_size)
                return arrays
        except UnreadableArrayError:
            raise
        except Exception as error:
            raise UnreadableArrayError(_DAMAGED) from error


def _read_array(member: IO[bytes], size_bytes: int) -> NDArray[Any]:
    reader = _READERS[np.lib.format.read_magic(member)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python's parser, which reads the header
        shape, is_fortran, dtype = reader(member, max_header_size=LARGEST_HEADER_BYTES)
    if dtype.kind not in _KINDS or dtype.shape or not all(isinstance(size, int) and size >= 0 for size in shape):
        raise UnreadableArrayError(_DAMAGED)
    content_bytes = math.prod(shape) * dtype.itemsize
    if content_bytes != size_bytes - member.tell():
        raise UnreadableArrayError(_DAMAGED)
    content = member.read()
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def _check_directory(file: IO[bytes]) -> None:
    """Checks that the list of a file's members is short: `zipfile` reads all of it at once."""
    size = file.seek(0, 2)
    file.seek(max(size - _END_BYTES - _LONGEST_COMMENT, 0))
    tail = file.read()
    end = tail.rfind(_END)
    is_large = end >= _LARGE_END_BYTES and tail[end - _LARGE_END_BYTES :].startswith(_LARGE_END)
    if end < 0 or is_large or int.from_bytes(tail[end + 12 : end + 16], "little") > LARGEST_DIRECTORY_BYTES:
        raise UnreadableArrayError(_DAMAGED)
    file.seek(0)
