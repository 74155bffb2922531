"""One published set of engines, and how it is read.

TensorRT executes what an engine says and may crash on one that is cut or altered. So an engine is read once, hashed as
read, and taken only from plain files that no other user may write.
"""

from __future__ import annotations

import hashlib
import os
import stat
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fomm_rt.engines.manifest import MANIFEST_NAME, EngineFile, EngineManifest, parse_manifest
from fomm_rt.errors import EngineError

LARGEST_MANIFEST_BYTES = 1 << 24

# A pipe in an engine's place would keep us waiting for its other end.
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class EngineFolder:
    """A set of engines.

    Attributes:
        path: Its folder.
        manifest: What it holds.
    """

    path: Path
    manifest: EngineManifest
    _held: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, tuple(self._held.values()))

    def read(self, name: str) -> bytes:
        """The content of an engine, exactly as it was built.

        Args:
            name: One of `manifest.engines`.

        Raises:
            EngineError: There is none of this name, or its file is missing, cut, altered or not to be trusted.
        """
        entry = self.manifest.engines.get(name)
        if entry is None:
            raise EngineError(
                f"{self.path}: expected an engine {name}; there are only {', '.join(self.manifest.engines)}. "
                f"Rebuild: {self.manifest.rebuild_command}"
            )
        file = self.path / entry.file
        if name in self._held:
            content = _read_engine(self._held[name], file, entry, self.manifest)
        else:
            with _opened(file, _PLAIN) as descriptor:
                content = _read_engine(descriptor, file, entry, self.manifest)
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise EngineError(
                f"{file}: its SHA-256 is not the one in {MANIFEST_NAME}; it was altered since it was built. "
                f"Rebuild: {self.manifest.rebuild_command}"
            )
        return content


def open_engine_folder(path: Path, hold: bool = True) -> EngineFolder:
    """Opens a set of engines; its files are checked for all but their content.

    Args:
        path: Its folder.
        hold: Keep the files open, so that they can be read even after a newer set has replaced this one.

    Raises:
        EngineError: There is none, it is damaged, or others may write it.
    """
    with _opened(path, _PLAIN | os.O_DIRECTORY) as folder:
        check_private(os.fstat(folder), path)
        file = path / MANIFEST_NAME
        with _opened(file, _PLAIN, folder) as descriptor:
            size = _check_plain(descriptor, file)
            if size > LARGEST_MANIFEST_BYTES:
                raise EngineError(f"{file}: expected a manifest of engines; it has {size} bytes. Remove {path}")
            manifest = parse_manifest(_read(descriptor, size, file), file)
        held: dict[str, int] = {}
        try:
            for name, entry in manifest.engines.items():
                file = path / entry.file
                held[name] = _open(file, _PLAIN, folder)
                _check_engine(held[name], file, entry, manifest)
        except BaseException:
            _close(held.values())
            raise
    if not hold:
        _close(held.values())
        held = {}
    return EngineFolder(path, manifest, held)


def check_private(info: os.stat_result, path: Path) -> None:
    """Makes sure that none but this user and root may change a file or folder.

    Args:
        info: Of the file or folder.
        path: Its name, for messages.

    Raises:
        EngineError: Others may.
    """
    if info.st_uid not in {os.geteuid(), 0}:
        raise EngineError(
            f"{path}: expected to belong to this user or root, as engines are executed; it belongs to user "
            f"{info.st_uid}. Remove it, or set XDG_CACHE_HOME to a folder of your own, and build the engines again"
        )
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(
            f"{path}: expected to be writable by its owner alone, as engines are executed; its mode is "
            f"{stat.S_IMODE(info.st_mode):03o}. If you trust what is in it, run: chmod -R go-w {path}"
        )


def _read_engine(descriptor: int, file: Path, entry: EngineFile, manifest: EngineManifest) -> bytes:
    _check_engine(descriptor, file, entry, manifest)
    return _read(descriptor, entry.size_bytes, file)


def _check_engine(descriptor: int, file: Path, entry: EngineFile, manifest: EngineManifest) -> None:
    size = _check_plain(descriptor, file)
    if size != entry.size_bytes:
        raise EngineError(
            f"{file}: expected {entry.size_bytes} bytes, found {size}; it was cut or altered since it was built. "
            f"Rebuild: {manifest.rebuild_command}"
        )


def _check_plain(descriptor: int, file: Path) -> int:
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise EngineError(f"{file}: expected a file; it is a folder or device. Remove {file.parent}")
    check_private(info, file)
    return info.st_size


def _read(descriptor: int, size: int, file: Path) -> bytes:
    # Not through the descriptor's own position: a held one is read more than once, by any thread.
    chunks: list[bytes] = []
    done = 0
    try:
        while done < size and (chunk := os.pread(descriptor, size - done, done)):
            chunks.append(chunk)
            done += len(chunk)
    except OSError as error:
        raise EngineError(f"{file}: cannot be read ({error.strerror}); build the engines again") from error
    return b"".join(chunks)


@contextmanager
def _opened(path: Path, flags: int, folder: int | None = None) -> Iterator[int]:
    descriptor = _open(path, flags, folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int, folder: int | None = None) -> int:
    """Opens a file, by its name in an open folder if one is given: all of a set are then of one set."""
    try:
        return os.open(path if folder is None else path.name, flags, dir_fd=folder)
    except OSError as error:
        if path.is_symlink():
            reason = "it is a link, which is not followed"
        elif isinstance(error, FileNotFoundError):
            reason = "it is missing"
        else:
            reason = f"it cannot be opened ({error.strerror})"
        kind = "a folder of engines" if flags & os.O_DIRECTORY else "a file"
        raise EngineError(f"{path}: expected {kind}; {reason}. Build the engines again") from error


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
