"""A set of engines in one file.

    8 bytes   b"FOMMENG" and the byte 2
    8 bytes   length of the manifest, little-endian
    manifest  JSON, see `fomm_rt.engines.manifest`
    engines   one after another, in the order and with the sizes that the manifest gives

An open file stays readable after another one has taken its name, so a reader keeps the set that it opened.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from fomm_rt.engines.engine_set import Contents, EngineSet
from fomm_rt.engines.manifest import EngineManifest, parse_manifest
from fomm_rt.engines.private_files import check_private, private_file
from fomm_rt.errors import EngineError

MAGIC = b"FOMMENG\x02"
_HEAD_BYTES = 16
_LARGEST_MANIFEST_BYTES = 1 << 24


def archive_content(manifest: EngineManifest, contents: Contents) -> Iterator[bytes]:
    """The bytes of an archive, in pieces."""
    text = manifest.to_json().encode()
    yield MAGIC + len(text).to_bytes(8, "little")
    yield text
    for name in manifest.engines:
        yield contents[name]


def open_archive(path: Path) -> EngineSet:
    """Opens a set. Its engines are checked when they are read.

    Raises:
        EngineError: The file is missing, cut or not an archive, or others can write it.
    """
    with ExitStack() as stack:
        file = stack.enter_context(private_file(path))
        manifest, places = _read_manifest(file, path)
        lock = Lock()

        def read(name: str) -> bytes:
            check_private(os.fstat(file.fileno()), path)
            offset, size = places[name]
            with lock:  # threads share the position in the file
                file.seek(offset)
                return file.read(size)

        engines = EngineSet(path, manifest, read)
        weakref.finalize(engines, stack.pop_all().close)
    return engines


def _read_manifest(file: BinaryIO, path: Path) -> tuple[EngineManifest, dict[str, tuple[int, int]]]:
    """Returns the manifest, and for each engine its offset and size."""
    head = file.read(_HEAD_BYTES)
    length = int.from_bytes(head[8:], "little")
    if head[:8] != MAGIC or length > _LARGEST_MANIFEST_BYTES:
        raise EngineError(f"{path}: expected an archive of engines; it is another file. Build the engines again")
    manifest = parse_manifest(file.read(length), path)
    places, end = {}, _HEAD_BYTES + length
    for name, engine in manifest.engines.items():
        places[name] = end, engine.size_bytes
        end += engine.size_bytes
    size = os.fstat(file.fileno()).st_size
    if size != end:
        raise EngineError(
            f"{path}: expected {end} bytes, found {size}; it was cut or altered since it was built. "
            f"Rebuild: {manifest.rebuild_command}"
        )
    return manifest, places
