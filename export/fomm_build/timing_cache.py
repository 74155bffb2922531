"""TensorRT's kernel timings, kept so the next build does not measure them again.

One file for each version of TensorRT and GPU, in the folder of the engine store. It starts with the SHA-256 of the
rest. TensorRT-RTX measures nothing at build time and has no timing cache.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.building import locked
from fomm_rt.engines.manifest import TENSORRT
from fomm_rt.engines.private_files import make_private_folder, read_private, staged_private
from fomm_rt.errors import EngineError

_DIGEST_BYTES = 32


@contextmanager
def timing_cache(library: TensorRT, config: Any, folder: Path, gpu: str | None) -> Iterator[None]:
    """Gives earlier timings to a builder configuration, and keeps its timings when the context ends without an error.

    Timings that another build has written meanwhile are merged.

    Raises:
        EngineError: The folder cannot be written.
    """
    if library.flavour != TENSORRT or gpu is None:
        yield
        return
    path = cache_path(folder, library.version, gpu)
    cache = config.create_timing_cache(read(path))
    # TensorRT refuses the timings of another driver, for example; then it starts with none.
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    yield
    make_private_folder(folder)
    with locked(path.with_suffix(".lock")):
        other = config.create_timing_cache(read(path))
        if other is not None:
            cache.combine(other, ignore_mismatch=False)
        write(path, bytes(cache.serialize()))


def cache_path(folder: Path, version: str, gpu: str) -> Path:
    """The file for a version of TensorRT and a GPU."""
    return folder / re.sub(r"[^A-Za-z0-9.]+", "-", f"timing-{version}-{gpu}.cache")


def read(path: Path) -> bytes:
    """Reads timings; empty if the file is missing, damaged or writable by others."""
    with suppress(EngineError):
        content = read_private(path)
        if hashlib.sha256(content[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]:
            return content[_DIGEST_BYTES:]
    return b""


def write(path: Path, content: bytes) -> None:
    """Replaces the file.

    Raises:
        EngineError: It cannot be written.
    """
    with staged_private(path, [hashlib.sha256(content).digest(), content]) as staged:
        staged.commit()
