"""Kernels that TensorRT-RTX compiled, kept for the next start of the program.

TensorRT-RTX compiles the kernels of an engine when a context first runs. Its runtime cache collects them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fomm_rt.engines.hashed_file import read_hashed, write_hashed
from fomm_rt.errors import EngineError

_log = logging.getLogger("fomm_rt")


class KernelCache:
    """One runtime cache for all engines of a set.

    A file that is damaged, writable by others or of another machine is ignored and replaced.

    Args:
        path: The file, in a folder that exists; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._cache: Any = None
        self._kept = b""

    def use(self, config: Any) -> None:
        """Makes a runtime configuration find and keep kernels here; the first call reads the file."""
        if self._path is None:
            return
        if self._cache is None:
            self._cache = config.create_runtime_cache()
            self._kept = read_hashed(self._path)
            if self._kept and not self._cache.deserialize(self._kept):
                self._kept = b""  # of another GPU or version
        config.set_runtime_cache(self._cache)

    def keep(self) -> None:
        """Writes the file if there are kernels that it lacks. A failure is logged; then nothing more is kept."""
        if self._cache is None or self._path is None:
            return
        serialized = self._cache.serialize()
        content = b"" if serialized is None else bytes(serialized)
        if not content or content == self._kept:
            return
        try:
            write_hashed(self._path, content)
            self._kept = content
        except EngineError as error:
            self._path = None
            _log.warning("kernels cannot be kept, so the next start compiles them again: %s", error)
