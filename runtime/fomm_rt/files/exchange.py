"""Exchanges two files or folders in one step of the file system, where it can."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 1 << 1  # linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS


def exchange(first: Path, second: Path) -> bool:
    """Exchanges the contents of two paths in one step.

    Linux does it on local file systems such as ext4, XFS, Btrfs, ZFS and tmpfs, and macOS on APFS.

    Returns:
        False if the system or the file system cannot; nothing has changed then.
    """
    names = os.fsencode(first), os.fsencode(second)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            failed = library.renamex_np(*names, ctypes.c_uint(_RENAME_SWAP))
        else:
            failed = library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE))
    except (AttributeError, OSError, TypeError):  # an older C library, or Windows, which does not load None
        return False
    return int(failed) == 0
