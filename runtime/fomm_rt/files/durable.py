"""Files that are still there after a power failure."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

# Not every file system, and no folder on some, can be waited for.
_NOT_SUPPORTED = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS}


def write_through(files: Iterable[Path]) -> None:
    """Waits until the contents and the names of files are on the disk, as far as the file system can tell.

    Raises:
        OSError: They cannot be written, for example because the disk is full, or one is not there.
    """
    if os.name == "nt":  # it does not open folders
        return
    files = list(files)
    for path in (*files, *dict.fromkeys(file.parent for file in files)):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
        finally:
            os.close(opened)
