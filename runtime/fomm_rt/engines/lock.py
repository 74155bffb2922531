"""Locks between builders of engines, in any thread or process. The lock of a killed process is free."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fomm_rt.engines.private_files import FILE_MODE, check_private, reporting_failures
from fomm_rt.errors import EngineError

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextmanager
def locked(path: Path, on_wait: Callable[[], object]) -> Iterator[bool]:
    """Holds a lock.

    Args:
        path: The lock file. It stays: if it were removed, two builders could lock two files of this name.
        on_wait: Called before another holder is waited for; raises an error in order not to wait.

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
