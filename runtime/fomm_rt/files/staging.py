"""Writing beside the target and renaming at the end, so that a file under its final name is always complete.

A run that fails, is interrupted or runs out of disk leaves the old file as it was and nothing of its own; a signal
that comes while a folder's files are renamed waits until all are. The temporary name is hidden, unique to the call,
in the target's folder (a rename across file systems would copy) and ends like the target, because muxers choose
their format by the ending.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from fomm_rt.errors import OutputError
from fomm_rt.files.interruption import uninterrupted

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}
_KEPT = "nothing was kept, an old file is untouched"


def check_target(target: Path) -> None:
    """Makes sure, before any work, that a file can be written.

    Args:
        target: The file to write; its folder need not exist yet.

    Raises:
        OutputError: If the target is a folder or a device, or its folder is none or may not be written.
    """
    if "\0" in str(target):
        raise OutputError(f"{str(target)!r} is not a file name.")
    try:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; give the name of a file in it.")
        if target.exists() and not target.is_file():
            raise OutputError(f"{target} is not a regular file; choose another name.")
        folder = _resolve(target).parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise OutputError(f"{target} cannot be created: {folder} is a file, not a folder.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{target} cannot be created: {folder} may not be written; choose another folder.")
    except OSError as error:
        raise explain_failure(error, target) from error
    except RuntimeError:
        raise OutputError(f"{target} is a link that leads back to itself; remove it or choose another name.") from None


def explain_failure(error: Exception, target: Path) -> OutputError:
    """Puts a failure to write in words.

    Args:
        error: An OSError, or FFmpeg's error with its `errno`.
        target: The file that was to be written.

    Returns:
        The error to raise.
    """
    number = getattr(error, "errno", None)
    if number in _NO_SPACE:
        return OutputError(
            f"{target} could not be finished: no space left in {_folder_name(target)}; {_KEPT}. "
            "Free some space or choose another folder with -o."
        )
    if number == errno.EFBIG:
        return OutputError(
            f"{target} could not be finished: it became larger than files may be here; {_KEPT}. "
            "Raise the limit or choose another folder with -o."
        )
    if number in _NOT_PERMITTED:
        return OutputError(
            f"{target} cannot be written: {_folder_name(target)} may not be written by this user. "
            "Choose another folder with -o."
        )
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return OutputError(f"{target} could not be written ({reason}); {_KEPT}. Choose another folder with -o.")


@contextmanager
def reporting_failures(target: Path, *others: type[Exception]) -> Iterator[None]:
    """Turns failures to write inside the context into OutputError.

    Args:
        target: The file that is being written.
        others: Exceptions besides OSError that mean the same, such as FFmpeg's.

    Raises:
        OutputError: For an OSError or one of `others`.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *others)):
            raise
        raise explain_failure(error, target) from error


class StagedOutput:
    """A temporary file that takes the target's name on commit and vanishes without it.

    Attributes:
        path: The temporary file; exists and is empty once the context is entered.
    """

    path: Path

    def __init__(self, target: Path) -> None:
        """Checks the target.

        Args:
            target: The file to write. A symbolic link stays one: what it points to is replaced.

        Raises:
            OutputError: If the target cannot be written.
        """
        check_target(target)
        self._target = target
        self._final = _resolve(target)
        self.path = self._final.parent / _temporary_name(self._final.suffix)

    def __enter__(self) -> "StagedOutput":
        """Creates the folder and the temporary file.

        Raises:
            OutputError: If they cannot be created.
        """
        with reporting_failures(self._target):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unlike tempfile's, this file gets the permissions that the user's umask gives new files.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        return self

    def commit(self) -> None:
        """Renames the temporary file to the target, replacing an old file at once.

        Raises:
            OutputError: If it cannot be renamed.
        """
        with reporting_failures(self._target):
            if self._final.exists():
                shutil.copymode(self._final, self.path)
            self.path.replace(self._final)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class StagedFolder:
    """A temporary folder whose files move beside the target pattern on commit and vanish without it.

    Attributes:
        path: The temporary folder; exists once the context is entered.
    """

    path: Path

    def __init__(self, target: Path) -> None:
        """Checks the folder.

        Args:
            target: Any name in the folder that the files shall move to.

        Raises:
            OutputError: If nothing can be written there.
        """
        check_target(target)
        self._target = target
        self._final = target.parent.resolve()
        self.path = self._final / _temporary_name("")

    def __enter__(self) -> "StagedFolder":
        """Creates both folders.

        Raises:
            OutputError: If they cannot be created.
        """
        with reporting_failures(self._target):
            self._final.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        return self

    def commit(self) -> None:
        """Moves every file to its final folder, replacing old files of the same names; signals wait meanwhile.

        Raises:
            OutputError: If a file cannot be moved, for example onto a folder of its name; the files before it
                are moved by then.
        """
        with reporting_failures(self._target):
            staged = sorted(self.path.iterdir())
            blocked = next((file.name for file in staged if (self._final / file.name).is_dir()), None)
            if blocked is not None:
                raise OutputError(f"{self._final / blocked} is a folder; remove it or choose another name.")
            # Pictures of two runs under one pattern would pass for one clip.
            with uninterrupted():
                for file in staged:
                    file.replace(self._final / file.name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _temporary_name(suffix: str) -> str:
    return f".fomm-rt-{os.getpid()}-{secrets.token_hex(6)}{suffix}"


def _resolve(target: Path) -> Path:
    """The file that a write to the target would change."""
    return target.resolve() if target.is_symlink() else target.absolute()


def _folder_name(target: Path) -> Path:
    return target.absolute().parent
