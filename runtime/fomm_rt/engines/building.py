"""Places into which engines are built: one builder at a time, and an old set stays until the new one is complete."""

from __future__ import annotations

import errno
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fomm_kernels.private_files import FILE_MODE
from fomm_rt.engines.engine_set import Contents, EngineSet
from fomm_rt.engines.manifest import EngineManifest, EngineSpec
from fomm_rt.engines.private_files import check_private, make_private_folder, reporting_failures
from fomm_rt.errors import EngineError

_log = logging.getLogger("fomm_rt")

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@dataclass(frozen=True)
class PendingSet:
    """A set that is being built; its lock is held.

    Attributes:
        spec: What is being built.
        existing: The intact set that is already there; None if there is none.
        waited: True if another builder was waited for; `existing` is then its result.
        place: Where the set goes.
    """

    spec: EngineSpec
    existing: EngineSet | None
    waited: bool
    place: EnginePlace

    def publish(self, manifest: EngineManifest, contents: Contents) -> EngineSet:
        """Writes the set, reads it back and puts it in place of an older one.

        Raises:
            EngineError: It cannot be written, or is not read as it was written; an older set stays.
            ValueError: The manifest is of another set.
        """
        if manifest.spec != self.spec or list(manifest.engines) != list(contents):
            raise ValueError(f"expected a manifest of {list(contents)}; it lists {list(manifest.engines)}")
        return self.place.write(manifest, contents)


class EnginePlace(ABC):
    """A folder that engines are built into, by `building`; the other methods are its steps.

    Attributes:
        folder: Created by the first build.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def building(self, spec: EngineSpec, on_wait: Callable[[str], None] | None = None) -> Iterator[PendingSet]:
        """Holds the lock of a set while it is built. Another builder, in any process, is waited for.

        Args:
            spec: Of the set.
            on_wait: Called with a sentence before another builder is waited for; logged as a warning by default.

        Raises:
            EngineError: The folder cannot be written or locked, or others can write it.
        """
        make_private_folder(self.folder)
        tell = on_wait or _log.warning
        with locked(self.lock_file(spec), lambda: tell("waiting for another builder of the same engines")) as waited:
            yield PendingSet(spec, self._existing(spec), waited, self)

    def _existing(self, spec: EngineSpec) -> EngineSet | None:
        try:
            found = self.open(spec)
            found.check()
        except EngineError:
            return None
        return found if found.manifest.spec.key == spec.key else None

    @abstractmethod
    def lock_file(self, spec: EngineSpec) -> Path:
        """The file whose lock the builder of a set holds."""

    @abstractmethod
    def open(self, spec: EngineSpec) -> EngineSet:
        """Opens the set that is in its place, or raises EngineError."""

    def occupied(self) -> list[Path]:
        """Files of another set that a new one would replace."""
        return []

    @abstractmethod
    def write(self, manifest: EngineManifest, contents: Contents) -> EngineSet:
        """Writes a set, checks it as a reader would, and replaces an older one; or raises EngineError."""


@contextmanager
def locked(path: Path, on_wait: Callable[[], object] = lambda: None) -> Iterator[bool]:
    """Holds a lock against other threads and processes. The lock of a killed process is free.

    Args:
        path: The lock file. It stays: if it were removed, two builders could lock two files of this name.
        on_wait: Called before another holder is waited for.

    Yields:
        True if another holder was waited for.

    Raises:
        EngineError: The file cannot be created, others can write it, or its file system has no locks.
    """
    with reporting_failures(path.parent):
        path.touch(mode=FILE_MODE)
        # A file system that ignores modes is noticed here, not after minutes of building.
        check_private(path.stat(), path)
    lock = FileLock(path, fallback_to_soft=False)
    waited = not _acquire(lock, path, blocking=False)
    if waited:
        on_wait()
        _acquire(lock, path, blocking=True)
    try:
        yield waited
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, blocking: bool) -> bool:
    with reporting_failures(path.parent):
        try:
            lock.acquire(blocking=blocking)
        except Timeout:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise EngineError(
                f"{path.parent}: its file system has no locks ({error.strerror}), so engines cannot be built into it; "
                "set XDG_CACHE_HOME to a folder on a local disk"
            ) from error
    return True
