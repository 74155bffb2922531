"""Caches of TensorRT's own, each in a private file that starts with the SHA-256 of the rest."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from fomm_rt.engines.private_files import read_private, staged_private
from fomm_rt.errors import EngineError

_DIGEST_BYTES = 32


def read_hashed(path: Path) -> bytes:
    """Reads the content; empty if the file is missing, damaged or writable by others."""
    with suppress(EngineError):
        content = read_private(path)
        if hashlib.sha256(content[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]:
            return content[_DIGEST_BYTES:]
    return b""


def write_hashed(path: Path, content: bytes) -> None:
    """Replaces the file.

    Raises:
        EngineError: It cannot be written.
    """
    with staged_private(path, [hashlib.sha256(content).digest(), content]) as staged:
        staged.commit()
