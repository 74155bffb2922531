"""Hidden folders in which results are made, beside their target, and those that killed processes left.

    .fomm-rt-MACHINE-RANDOM/    of this user alone
      lock                      locked while the process lives that made the folder
      new/                      what it writes

The kernel frees the lock of a killed process, so a free lock in a folder of this machine means that no process uses the
folder, even if the process ID is in use again. MACHINE changes with every boot. Locks of another machine on a network
file system may be invisible, so a folder of another machine, or from before a restart, is removed only once it has not
changed for a day. The same holds for folders without a lock file: not all file systems have locks.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout
from typing_extensions import Self

PREFIX = ".fomm-rt-"

_in_use: set[Path] = set()
"""Hidden folders of this process."""

_LOCK_NAME = "lock"
_TRIES = 8
_UNCHANGED_S = 24 * 60 * 60


class HiddenFolder:
    """A hidden folder on the file system of a result; leaving the context removes it with all that is in it.

    Args:
        folder: Where the result goes; the hidden folder is made in it.

    Attributes:
        folder: The same.
        path: The hidden folder; exists inside the context.
        new: A folder in it, for what is to be put in place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._choose_name()
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        """Creates the folder; raises OSError if that fails."""
        for tries_left in reversed(range(_TRIES)):
            try:
                self.path.mkdir(mode=0o700)
                _in_use.add(self.path)
                self._lock = _take(self.path / _LOCK_NAME)
                self.new.mkdir()
                break
            except BaseException as error:
                self.__exit__()
                # Before it was locked, another process may have found the folder abandoned and removed it.
                if isinstance(error, (Timeout, FileNotFoundError)) and self.folder.exists() and tries_left:
                    self._choose_name()
                    continue
                raise
        return self

    def __exit__(self, *_details: object) -> None:
        _remove(self.path, self._lock)
        _in_use.discard(self.path)
        self._lock = None

    def _choose_name(self) -> None:
        self.path = self.folder / f"{_own_prefix()}{secrets.token_hex(6)}"
        self.new = self.path / "new"


def remove_hidden_folders() -> None:
    """Removes the hidden folders of this process, which is about to end without leaving their contexts."""
    for path in list(_in_use):
        _remove(path, None)


def abandoned(folder: Path) -> Iterator[Path]:
    """Yields hidden folders of this user that no process uses any more, and removes each afterwards."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return  # a folder can be writable but not listable
    for path in filter(_is_own_folder, found):
        lock = None
        if not (path / _LOCK_NAME).exists():
            if path.name.startswith(_own_prefix()):
                with suppress(OSError):
                    path.rmdir()  # works only if it is empty: not locked yet, or no longer locked
            if not _is_unchanged(path):
                continue
        else:
            try:
                lock = _try_lock(path / _LOCK_NAME)
            except (OSError, NotImplementedError):  # for example, it is held
                continue
        try:
            if path.name.startswith(_own_prefix()) or _is_unchanged(path):
                yield path
                _remove(path, lock)
        finally:
            if lock is not None:
                lock.release()


def _take(path: Path) -> FileLock | None:
    """Creates and locks a lock file; None if the file system has no locks.

    Raises:
        Timeout: Another process has locked it.
    """
    try:
        return _try_lock(path)
    except Timeout:
        raise
    except (OSError, NotImplementedError):
        path.unlink(missing_ok=True)
        return None


def _try_lock(path: Path) -> FileLock:
    # The lock is released by whichever thread finishes the result.
    lock = FileLock(path, blocking=False, fallback_to_soft=False, thread_local=False)
    lock.acquire()
    return lock


def _remove(path: Path, lock: FileLock | None) -> None:
    """Removes a folder, the lock file last, so that the next run can remove it if this one is killed."""
    with suppress(OSError):
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _LOCK_NAME:
                entry.unlink(missing_ok=True)
    if lock is not None and os.name == "nt":
        lock.release()  # Windows removes no file that is open
    with suppress(OSError):
        (path / _LOCK_NAME).unlink(missing_ok=True)
    if lock is not None:
        lock.release()
    with suppress(OSError):
        path.rmdir()


def _is_own_folder(path: Path) -> bool:
    try:
        info = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and (not hasattr(os, "geteuid") or info.st_uid == os.geteuid())


def _is_unchanged(path: Path) -> bool:
    """True if nothing in a folder has changed for a day."""
    try:
        changed = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:
        return False
    return time.time() - changed > _UNCHANGED_S


def _own_prefix() -> str:
    return f"{PREFIX}{this_machine()}-"


@cache
def this_machine() -> str:
    """What differs between machines, and from boot to boot."""
    boot = ""
    with suppress(OSError):  # Linux; containers on one kernel see each other's locks and share this
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return hashlib.sha256((boot or platform.node()).encode()).hexdigest()[:8]
