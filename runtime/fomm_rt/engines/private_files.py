"""Files and folders that only their owner can change.

TensorRT executes what an engine says, so an engine is read only from plain files that no other user can write. On
Windows, where modes say nothing, the access lists of the user's profile keep others out.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fomm_rt.errors import EngineError, OutputError
from fomm_rt.files.staging import StagedOutput

FOLDER_MODE, FILE_MODE = 0o755, 0o644

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
# A pipe in place of a file would block until another process opens its other end.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def open_private(path: Path) -> BinaryIO:
    """Opens a file for reading that nobody but this user and root can change. Links are not followed.

    Raises:
        EngineError: It is missing or not a plain file, or others can write it.
    """
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS))  # noqa: SIM115
    except OSError as error:
        if path.is_symlink():
            reason = "it is a link, which is not followed"
        elif isinstance(error, FileNotFoundError):
            reason = "it is missing"
        else:
            reason = f"it cannot be opened ({error.strerror})"
        raise EngineError(f"{path}: expected a file; {reason}. Build the engines again") from error
    try:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise EngineError(f"{path}: expected a file; it is a pipe or device. Remove it")
        check_private(info, path)
    except BaseException:
        file.close()
        raise
    return file


def read_private(path: Path) -> bytes:
    """Reads a file that nobody but this user and root can change.

    Raises:
        EngineError: See `open_private`; or it cannot be read.
    """
    with open_private(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> EngineError:
    """The error for a file that cannot be read."""
    return EngineError(f"{path}: cannot be read ({error.strerror}); build the engines again")


def check_private(info: os.stat_result, path: Path) -> None:
    """Makes sure that only this user and root can change a file or folder.

    Args:
        info: Of the file or folder.
        path: Its name, for messages.

    Raises:
        EngineError: Others can change it.
    """
    if os.name == "nt":
        return
    if info.st_uid not in {os.geteuid(), 0}:
        raise EngineError(
            f"{path}: expected to belong to this user or root, as engines are executed; it belongs to user "
            f"{info.st_uid}. Remove it, or set XDG_CACHE_HOME to a folder of your own, and build the engines again"
        )
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(
            f"{path}: expected to be writable by its owner alone, as engines are executed; its mode is "
            f"{stat.S_IMODE(info.st_mode):03o}. If you trust its content, run: chmod -R go-w {path}"
        )


def make_private_folder(path: Path) -> None:
    """Creates a folder if it is missing.

    Raises:
        EngineError: It cannot be created, or others can write it.
    """
    with reporting_failures(path):
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        check_private(path.stat(), path)


def remove_leftovers(folder: Path, suffix: str) -> None:
    """Removes what killed processes left of `staged_private`; the caller holds the lock under which it is used."""
    with reporting_failures(folder):
        for leftover in folder.glob(f".fomm-rt-*{suffix}"):
            leftover.unlink(missing_ok=True)


@contextmanager
def staged_private(target: Path, content: Iterable[bytes]) -> Iterator[StagedOutput]:
    """Writes a private file beside its target, on the disk when the context begins; the caller commits it.

    Raises:
        EngineError: It cannot be written.
    """
    with reporting_failures(target.parent):
        try:
            open_private(target).close()
        except EngineError:
            target.unlink(missing_ok=True)  # the new file would replace what a link points to, or take over the mode
        with StagedOutput(target, mode=FILE_MODE) as staged:
            with staged.path.open("wb") as file:
                file.writelines(content)
                file.flush()
                os.fsync(file.fileno())  # some file systems report a full disk only here
            yield staged


@contextmanager
def reporting_failures(folder: Path) -> Iterator[None]:
    """Turns failures to write into a folder inside the context into EngineError.

    Raises:
        EngineError: For an OSError, also one that became an OutputError.
    """
    try:
        yield
    except (OSError, OutputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if getattr(cause, "errno", None) in _NO_SPACE:
            raise EngineError(
                f"{folder}: no space left for engines; nothing was kept. Free some disk or set XDG_CACHE_HOME to a "
                "folder on another"
            ) from error
        reason = getattr(cause, "strerror", None) or error
        raise EngineError(
            f"{folder}: engines cannot be kept ({reason}); choose a folder that can be written, with -o or "
            "XDG_CACHE_HOME"
        ) from error
