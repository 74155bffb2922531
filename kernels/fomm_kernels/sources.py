"""The CUDA sources of this package, and where what is compiled of them is kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from fomm_kernels.errors import CompileError
from fomm_kernels.launching import BLOCK_SIZE

FOLDER = Path(__file__).parent
HEADERS = FOLDER / "include"


def source_path(kernel: str) -> Path:
    """The file of a kernel."""
    return FOLDER / f"{kernel}.cu"


def defines(half: bool) -> dict[str, int]:
    """The macros that every compiler is given."""
    return {"FOMM_HALF": int(half), "FOMM_BLOCK_SIZE": BLOCK_SIZE}


def source_hash(kernels: Sequence[str], *more: str) -> str:
    """SHA-256, hexadecimal, of kernels with all headers and whatever else decides what is compiled."""
    digest = hashlib.sha256()
    for path in (*map(source_path, kernels), *sorted(HEADERS.glob("*.h"))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    digest.update("\0".join(more).encode())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where compiled kernels are kept: fomm-rt/kernels in the user's cache ($XDG_CACHE_HOME, else ~/.cache).

    Raises:
        CompileError: The user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "fomm-rt" / "kernels"
    except RuntimeError as error:  # a user without a home, as in some containers
        raise CompileError(f"compiled kernels have no place to be kept ({error}); set XDG_CACHE_HOME") from error


def keep(path: Path, content: bytes) -> None:
    """Writes a file of the cache in one step, so that no one reads half of it.

    Raises:
        CompileError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.close()
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise CompileError(
            f"{path}: compiled kernels cannot be kept ({error.strerror}); free some disk or set XDG_CACHE_HOME to a "
            "folder that can be written"
        ) from error
