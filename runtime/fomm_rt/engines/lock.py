"""Locks of the engine store, and what it says when the disk does not do as asked.

The lock is flock's: it belongs to the open file and ends with the process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fomm_rt.errors import EngineError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def take(path: Path, wait: bool) -> int | None:
    """Takes a lock; to close the returned descriptor is to give it back.

    Args:
        path: The lock's file, in the store's folder; created where it is missing.
        wait: For another that holds it.

    Returns:
        An open file; None if another holds the lock and is not waited for.

    Raises:
        EngineError: The file cannot be opened, or its file system has no locks.
    """
    with reporting_failures(path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        if isinstance(error, OSError) and error.errno in _NO_LOCKS:
            raise EngineError(
                f"{path.parent}: its file system has no locks ({error.strerror}), so engines cannot be built into it; "
                "set XDG_CACHE_HOME to a folder on a local disk"
            ) from error
        if isinstance(error, OSError):
            raise EngineError(
                f"{path}: cannot be locked ({error.strerror}); set XDG_CACHE_HOME to another folder"
            ) from error
        raise
    return descriptor


@contextmanager
def reporting_failures(store: Path) -> Iterator[None]:
    """Turns failures to write inside the context into EngineError.

    Raises:
        EngineError: For an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise EngineError(
                f"{store}: no space left for engines; nothing was kept. Free some disk or set XDG_CACHE_HOME to a "
                "folder on another"
            ) from error
        raise EngineError(
            f"{store}: engines cannot be kept ({error.strerror}); choose a folder that can be written, with -o or "
            "XDG_CACHE_HOME"
        ) from error
