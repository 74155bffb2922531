"""The CUDA sources of this package, and the cache of compiled kernels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from fomm_kernels.errors import CompileError
from fomm_kernels.launching import BLOCK_SIZE
from fomm_kernels.private_files import NotPrivateError, check_private_folder, make_private_folder, private_file

FOLDER = Path(__file__).parent
HEADERS = FOLDER / "include"
_KERNELS = "compiled kernels"


def source_path(kernel: str) -> Path:
    """Returns the path of a kernel's source."""
    return FOLDER / f"{kernel}.cu"


def defines(half: bool) -> dict[str, int]:
    """Returns the macros that every compiler gets."""
    return {"FOMM_HALF": int(half), "FOMM_BLOCK_SIZE": BLOCK_SIZE}


def source_hash(kernels: Sequence[str], *more: str) -> str:
    """Returns the hexadecimal SHA-256 of kernels, all headers, and anything else that affects the compiled code."""
    digest = hashlib.sha256()
    for path in (*map(source_path, kernels), *sorted(HEADERS.glob("*.h"))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    digest.update("\0".join(more).encode())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Returns the cache of compiled kernels: fomm-rt/kernels in $XDG_CACHE_HOME, or else in ~/.cache.

    Raises:
        CompileError: The user has no home folder.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "fomm-rt" / "kernels"
    except RuntimeError as error:  # no home folder, as in some containers
        raise CompileError(f"compiled kernels have no place to be kept ({error}); set XDG_CACHE_HOME") from error


def kept(path: Path) -> bytes | None:
    """Reads a file of the cache; None if it is missing or cannot be read.

    Raises:
        CompileError: Others can change the file or its folder, so it is not read: kernels are executed.
    """
    try:
        check_private_folder(path.parent, _KERNELS)
        with private_file(path, _KERNELS) as file:
            return file.read()
    except NotPrivateError as error:
        raise CompileError(f"{error}. Its content is not loaded") from error
    except OSError:
        return None


def keep(path: Path, content: bytes) -> None:
    """Writes a file of the cache atomically.

    Raises:
        CompileError: The file cannot be written, or others can change its folder.
    """
    try:
        make_private_folder(path.parent, _KERNELS)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.close()
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except NotPrivateError as error:
        raise CompileError(f"{error}. Nothing is kept there") from error
    except OSError as error:
        raise CompileError(
            f"{path}: compiled kernels cannot be kept ({error.strerror}); free some disk or set XDG_CACHE_HOME to a "
            "folder that can be written"
        ) from error
