"""Finds links that another user may have set as a trap in a world-writable folder such as /tmp.

The rule is that of Linux's `protected_symlinks`: in a sticky world-writable folder, only links of this user and of the
folder's owner are followed. That setting is not always on, and does not cover programs that resolve links themselves.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST_LINKS = 40
"""As in Linux; longer chains are an error."""


def find_foreign_link(path: Path) -> Path | None:
    """Finds such a link among a path, its folders, and what its links lead to; None if there is none.

    Raises:
        OSError: A folder cannot be examined, or a link leads back to itself.
    """
    if not hasattr(os, "geteuid"):
        return None
    for _ in range(MOST_LINKS):
        # From the root downwards, as a path is followed.
        link = next((each for each in reversed([path, *path.absolute().parents]) if each.is_symlink()), None)
        if link is None:
            return None
        if _is_foreign(link):
            return link
        path = _behind(path, link)
    raise OSError(f"{path} leads through more than {MOST_LINKS} links")


def _is_foreign(link: Path) -> bool:
    folder = link.parent.stat()
    sticky = stat.S_ISVTX | stat.S_IWOTH
    return folder.st_mode & sticky == sticky and link.lstat().st_uid not in {os.geteuid(), folder.st_uid}


def _behind(path: Path, link: Path) -> Path:
    """The path with this link replaced by what it leads to."""
    # Not normalized: ".." after a link is the folder above the link's end.
    return link.parent / link.readlink() / path.absolute().relative_to(link.absolute())
