"""What TensorRT measured of its kernels, kept so that the next build need not measure it again.

One file for every version of TensorRT and GPU, in the folder of the engine store. It starts with the SHA-256 of the
rest. TensorRT-RTX measures nothing when it builds and has none. Not executed with TensorRT itself so far.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.folder import check_private
from fomm_rt.engines.manifest import TENSORRT
from fomm_rt.errors import EngineError
from fomm_rt.files.lock import reporting_failures, take

_DIGEST_BYTES = 32
_LARGEST_BYTES = 1 << 30


@contextmanager
def timing_cache(library: TensorRT, config: Any, folder: Path, gpu: str | None) -> Iterator[None]:
    """Gives a builder's configuration what was measured before, and keeps what has been measured by the end.

    Another build that ends meanwhile is not waited for; what both measured is combined.

    Raises:
        EngineError: The folder cannot be written.
    """
    if library.flavour != TENSORRT or gpu is None:
        yield
        return
    path = cache_path(folder, library.version, gpu)
    cache = config.create_timing_cache(read(path))
    # Refused where it was measured with another driver, say; then measurements start anew.
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    yield
    lock = take(path.with_suffix(".lock"), wait=True)
    assert lock is not None
    try:
        other = config.create_timing_cache(read(path))
        if other is not None:
            cache.combine(other, ignore_mismatch=False)
        write(path, bytes(cache.serialize()))
    finally:
        os.close(lock)


def cache_path(folder: Path, version: str, gpu: str) -> Path:
    """The file for a version of TensorRT and the name of a GPU."""
    return folder / re.sub(r"[^A-Za-z0-9.]+", "-", f"timing-{version}-{gpu}.cache")


def read(path: Path) -> bytes:
    """What was kept; empty where there is nothing, or nothing that can be trusted."""
    with suppress(OSError, EngineError):
        if path.is_symlink() or path.stat().st_size > _LARGEST_BYTES:
            return b""
        check_private(path.stat(), path)
        content = path.read_bytes()
        if hashlib.sha256(content[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]:
            return content[_DIGEST_BYTES:]
    return b""


def write(path: Path, content: bytes) -> None:
    """Keeps it, in one step.

    Raises:
        EngineError: It cannot be written.
    """
    staged = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with reporting_failures(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            staged.write_bytes(hashlib.sha256(content).digest() + content)
            staged.chmod(0o644)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
