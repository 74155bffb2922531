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


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a plain file for reading that only this user and root can change. Links are not followed.

    Raises:
        EngineError: It is missing or no such file, or cannot be read.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise EngineError(f"{path}: expected a file; it is a pipe or device. Remove it")
            check_private(info, path)
            yield file
    except OSError as error:
        reason = "it is a link, which is not followed" if path.is_symlink() else error.strerror
        raise EngineError(f"{path}: expected a file of engines; {reason}. Build the engines again") from error


def read_private(path: Path) -> bytes:
    """Reads a `private_file`.

    Raises:
        EngineError: See `private_file`.
    """
    with private_file(path) as file:
        return file.read()


def check_private(info: os.stat_result, path: Path) -> None:
    """Makes sure that only this user and root can change a file or folder.

    Args:
        info: Of the file or folder.
        path: Its name, for messages.

    Raises:
        EngineError: Others can change it.
    """
    if not hasattr(os, "geteuid"):
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


@contextmanager
def staged_private(target: Path, content: Iterable[bytes]) -> Iterator[StagedOutput]:
    """Writes a private file beside its target, synchronized to the disk; the caller commits it.

    Raises:
        EngineError: It cannot be written.
    """
    with reporting_failures(target.parent):
        try:
            with private_file(target):
                pass
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
