"""TensorRT's kernel timings, kept so the next build does not measure them again.

One file for each version of TensorRT and GPU, in the folder of the engine store. TensorRT-RTX measures nothing at build
time and has no timing cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.building import locked
from fomm_rt.engines.hashed_file import read_hashed, write_hashed
from fomm_rt.engines.manifest import TENSORRT
from fomm_rt.engines.private_files import make_private_folder


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
    cache = config.create_timing_cache(read_hashed(path))
    # TensorRT refuses the timings of another driver, for example; then it starts with none.
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    yield
    make_private_folder(folder)
    with locked(path.with_suffix(".lock")):
        other = config.create_timing_cache(read_hashed(path))
        if other is not None:
            cache.combine(other, ignore_mismatch=False)
        write_hashed(path, bytes(cache.serialize()))


def cache_path(folder: Path, version: str, gpu: str) -> Path:
    """The file for a version of TensorRT and a GPU."""
    return folder / re.sub(r"[^A-Za-z0-9.]+", "-", f"timing-{version}-{gpu}.cache")
