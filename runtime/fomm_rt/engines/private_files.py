"""Engines are read only from plain files that no other user can write, because TensorRT executes their content.

The checks are those of `fomm_kernels.private_files`; here they raise EngineError.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fomm_kernels import private_files
from fomm_kernels.private_files import FILE_MODE, NotPrivateError
from fomm_rt.errors import EngineError, OutputError
from fomm_rt.files.staging import StagedOutput

_ENGINES = "engines"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a plain file for reading that only this user and root can change. Links are not followed.

    Raises:
        EngineError: It is missing or no such file, or cannot be read.
    """
    try:
        with private_files.private_file(path, _ENGINES) as file:
            yield file
    except NotPrivateError as error:
        raise _not_private(error) from error
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
    """Makes sure that only this user and root can change a file or folder of this name.

    Raises:
        EngineError: Others can change it.
    """
    try:
        private_files.check_private(info, path, _ENGINES)
    except NotPrivateError as error:
        raise _not_private(error) from error


def check_private_folder(folder: Path) -> None:
    """Makes sure that only this user and root can change a folder or put another one in its place.

    Raises:
        EngineError: Others can do so.
        OSError: A folder cannot be examined.
    """
    try:
        private_files.check_private_folder(folder, _ENGINES)
    except NotPrivateError as error:
        raise _not_private(error) from error


def make_private_folder(path: Path) -> None:
    """Creates a folder if it is missing.

    Raises:
        EngineError: It cannot be created, or others can change it or put another one in its place.
    """
    with reporting_failures(path):
        try:
            private_files.make_private_folder(path, _ENGINES)
        except NotPrivateError as error:
            raise _not_private(error) from error


def _not_private(error: NotPrivateError) -> EngineError:
    return EngineError(f"{error}. Then build the engines again")


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
