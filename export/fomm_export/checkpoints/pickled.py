"""Reads PyTorch files without executing anything in them.

torch.load with weights_only builds tensors and plain values and calls only functions of an allow-list. To that list
this module adds objects that training scripts leave beside the weights. Each becomes an inert stand-in: NumPy itself
reads nothing, because its dtypes and arrays trust what they are unpickled from.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from fomm_export.checkpoints.file_kind import Kind
from fomm_rt.errors import CheckpointError

PICKLES = 5
"""At the start of a PyTorch file before 1.6: magic number, version, machine, document, keys of storages."""


class Ignored:
    """Stands for an object beside the weights; holds nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


class NumpyDtype:
    """Stands for a `numpy.dtype` by its name, for example "f4"."""

    name: object = None
    big_endian = False

    def __init__(self, name: object = None, *_: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        self.big_endian = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"


class NumpyArray:
    """Stands for a `numpy.ndarray` of numbers."""

    _state: object = None

    def __setstate__(self, state: object) -> None:
        self._state = state

    def tensor(self) -> Tensor | None:
        """The array as a tensor; None if it does not hold plain numbers."""
        match self._state:
            case (_, tuple(shape), NumpyDtype(name=str(name)) as dtype, fortran, bytes() | str() as content):
                pass
            case _:
                return None
        if name not in ("f2", "f4", "f8", "i4", "i8") or not all(isinstance(n, int) and n >= 0 for n in shape):
            return None
        raw = content.encode("latin-1", "replace") if isinstance(content, str) else content
        if math.prod(shape) * int(name[1]) != len(raw):
            return None
        array = np.frombuffer(raw, (">" if dtype.big_endian else "<") + name)
        array = array.reshape(shape, order="F" if fortran else "C")
        return torch.from_numpy(array.astype(name, order="C"))


def _new_array(*_: object) -> NumpyArray:
    return NumpyArray()


STAND_INS: list[Any] = [
    (NumpyArray, "numpy.ndarray"),
    (NumpyDtype, "numpy.dtype"),
    *((_new_array, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((Ignored, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((Ignored, name) for name in ("argparse.Namespace", "pathlib.PosixPath", "pathlib.WindowsPath")),
]
"""Stand-in and the name it is pickled under."""


class UnreadableError(Exception):
    """The file is damaged, or holds something that torch.load does not build; the message says what, if known."""


def read_pickled(path: Path, kind: Kind) -> Any:
    """Returns what torch.save wrote: tensors, plain values, and the stand-ins of this module.

    Storages of a file that is not compressed stay on the disk until they are used.

    Raises:
        CheckpointError: Loading it would call functions, or take memory without limit.
        UnreadableError: It cannot be read.
    """
    if any(text.endswith("bytearray") for text in _strings(path, kind)):
        raise CheckpointError(
            f"{path}: expected only tensors and plain values; this file makes byte arrays, which may fill the memory, "
            f"so it is refused and nothing was executed. {_SOURCES}"
        )
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(STAND_INS):
            warnings.simplefilter("ignore")  # torch warns about files older than its zip format
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=kind is Kind.ZIPPED)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))  # the pickle opcode that names a function
        if refused:
            raise CheckpointError(
                f"{path}: expected only tensors and plain values; loading this file would call "
                f"{ascii(refused[1])[1:-1][:80]}, so it is refused and nothing was executed. {_SOURCES}"
            ) from error
        if "Unsupported operand" in str(error) and kind is not Kind.PICKLED:
            raise UnreadableError("is damaged, or was saved with another pickle_protocol than 2") from error
        raise UnreadableError("") from error
    # torch raises a different exception, AssertionError and struct.error included, wherever a damaged file breaks off.
    except Exception as error:
        if "Invalid magic number" in str(error):
            raise UnreadableError(_describe_plain_pickle(path)) from error
        raise UnreadableError("") from error


_SOURCES = (
    "Download it from its original source and verify its SHA-256, or save only its tensors, for example as safetensors"
)


def is_paddle(path: Path) -> bool:
    """True if a pickle was written by PaddlePaddle; executes nothing in it."""
    return path.suffix in (".pdparams", ".pdopt") or any(
        text.startswith("paddle.") or text == "StructuredToParameterName@@" for text in _strings(path, Kind.PICKLED)
    )


def _describe_plain_pickle(path: Path) -> str:
    found = [text for text in _strings(path, Kind.PICKLED) if text.isprintable()][:4]
    names = f" (it begins with {', '.join(found)[:80]})" if found else ""
    return f"is a pickle that torch.save did not write{names}"


def _strings(path: Path, kind: Kind) -> Iterator[str]:
    """Yields the strings of a file's pickles, names of functions included, without building anything."""
    try:
        with _pickles(path, kind) as file:
            for _ in range(PICKLES):
                for _, argument, _ in pickletools.genops(file):
                    if isinstance(argument, str):
                        yield argument.replace(" ", ".")
    except Exception:
        return  # damaged; torch.load says so


@contextmanager
def _pickles(path: Path, kind: Kind) -> Iterator[IO[bytes]]:
    if kind is Kind.PICKLED:
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.partition("/")[2] == "data.pkl")
        with archive.open(name) as file:
            yield file
