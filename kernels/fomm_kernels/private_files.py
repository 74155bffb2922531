"""Files that only this user and root can change, for code that is executed: compiled kernels and engines.

On Windows, where modes say nothing, the access lists of the user's profile keep others out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE, FILE_MODE = 0o755, 0o644

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
# A pipe in place of a file would block until another process opens its other end.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotPrivateError(Exception):
    """Others can change a file or folder; the message begins with its path and says what to do.

    Args:
        path: The file or folder.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


def check_private(info: os.stat_result, path: Path, what: str) -> None:
    """Makes sure that only this user and root can change a file or folder.

    Args:
        info: Of the file or folder.
        path: Its name, for messages.
        what: What it holds, for messages: "engines".

    Raises:
        NotPrivateError: Others can change it.
    """
    if not hasattr(os, "geteuid"):
        return
    _check_owner(info, path, what)
    if info.st_mode & _WRITABLE_BY_OTHERS:
        raise NotPrivateError(
            path,
            f"expected to be writable by its owner alone, as {what} are executed; its mode is "
            f"{stat.S_IMODE(info.st_mode):03o}. If you trust its content, run: chmod -R go-w {path}",
        )


def check_private_folder(folder: Path, what: str) -> None:
    """Makes sure that only this user and root can change a folder or put another one in its place.

    Others may write folders above it if those are sticky, as /tmp is: there they cannot rename files of other users.

    Raises:
        NotPrivateError: Others can do so.
        OSError: A folder cannot be examined.
    """
    if not hasattr(os, "geteuid"):
        return
    for path in (folder.absolute(), folder.resolve()):
        for each in (path, *path.parents):
            if each.is_symlink():
                _check_owner(each.lstat(), each, what)
        for parent in path.parents:
            _check_parent(parent.stat(), parent, what)
    check_private(folder.stat(), folder, what)


def make_private_folder(folder: Path, what: str) -> None:
    """Creates a folder, and missing ones above it, that only this user and root can change.

    Raises:
        NotPrivateError: It exists and others can change it.
        OSError: It cannot be created.
    """
    for each in reversed([folder, *folder.parents]):
        if not each.exists():
            each.mkdir(mode=FOLDER_MODE, exist_ok=True)  # `parents=True` would leave those above to the umask
    folder.mkdir(exist_ok=True)
    check_private_folder(folder, what)


@contextmanager
def private_file(path: Path, what: str) -> Iterator[BinaryIO]:
    """Opens a plain file for reading that only this user and root can change. Links are not followed.

    Raises:
        NotPrivateError: Others can change it, or it is no plain file.
        OSError: It is missing, a link, or cannot be read.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise NotPrivateError(path, "expected a file; it is a pipe or device. Remove it")
        check_private(info, path, what)
        yield file


def _check_parent(info: os.stat_result, path: Path, what: str) -> None:
    _check_owner(info, path, what)
    others = stat.S_IWOTH if _is_own_group(info.st_gid) else _WRITABLE_BY_OTHERS
    if info.st_mode & others and not info.st_mode & stat.S_ISVTX:
        raise NotPrivateError(
            path,
            f"expected a folder that others cannot write, as {what} below it are executed; its mode is "
            f"{stat.S_IMODE(info.st_mode):03o}. Run: chmod go-w {path}, or use a folder of your own (for the cache, "
            "set XDG_CACHE_HOME)",
        )


def _check_owner(info: os.stat_result, path: Path, what: str) -> None:
    if info.st_uid not in {os.geteuid(), 0}:
        raise NotPrivateError(
            path,
            f"expected to belong to this user or root, as {what} are executed; it belongs to user {info.st_uid}. "
            "Remove it, or set XDG_CACHE_HOME to a folder of your own",
        )


def _is_own_group(group: int) -> bool:
    """True if a group holds this user alone, as on systems that give every user a group of the same name."""
    try:
        import grp
        import pwd

        found, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid())
    except (ImportError, KeyError):
        return False
    return found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}
