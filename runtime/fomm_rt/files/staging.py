"""Write beside the target and rename at the end, so a file under its final name is always complete.

A run that fails, is interrupted or fills the disk leaves the old file as it was and removes its own temporary file.
The temporary name is hidden, unique, and in the target's folder, because a rename across file systems would copy. It
ends like the target, because muxers choose their format by the ending.
"""

import errno
import logging
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from typing_extensions import Self, override

from fomm_rt.errors import OutputError
from fomm_rt.files.address import explain_output
from fomm_rt.files.interruption import uninterrupted

_log = logging.getLogger(__name__)

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}
_KEPT = "nothing was kept, an old file is untouched"


def check_target(target: Path, inputs: Sequence[Path] = ()) -> None:
    """Checks that a file can be written and is none of the inputs under any name or link, without touching anything.

    Raises:
        OutputError: The target is a folder, a device or an input, or its folder cannot be written.
    """
    if "\0" in str(target):
        raise OutputError(f"{str(target)!r} is not a file name.")
    if (instead := explain_output(target)) and not target.parent.exists():
        raise OutputError(instead)
    try:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; give the name of a file in it.")
        exists = target.exists()
        if exists and not target.is_file():
            raise OutputError(f"{target} is not a regular file; choose another name.")
        if exists and any(_is_same_file(target, source) for source in inputs):
            raise OutputError(f"{target} is also an input; choose another name, the input would be lost.")
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
    """Returns the error to raise for an OSError, or FFmpeg's error with its `errno`, in writing a file."""
    folder = target.absolute().parent
    number = getattr(error, "errno", None)
    if number in _NO_SPACE:
        return OutputError(
            f"{target} could not be finished: no space left in {folder}; {_KEPT}. "
            "Free some space or choose another folder with -o."
        )
    if number == errno.EFBIG:
        return OutputError(
            f"{target} could not be finished: it became larger than files may be here; {_KEPT}. "
            "Raise the limit or choose another folder with -o."
        )
    if number in _NOT_PERMITTED:
        return OutputError(
            f"{target} cannot be written: {folder} may not be written by this user. Choose another folder with -o."
        )
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return OutputError(f"{target} could not be written ({reason}); {_KEPT}. Choose another folder with -o.")


@contextmanager
def reporting_failures(target: Path, *others: type[Exception]) -> Iterator[None]:
    """Turns OSError, and `others` such as FFmpeg's errors, into OutputError inside the context."""
    failures: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except failures as error:
        raise explain_failure(error, target) from error


def hidden_beside(path: Path) -> Path:
    """Returns a hidden, unused name in the folder of a path, with the same ending."""
    return path.parent / f".fomm-rt-{os.getpid()}-{secrets.token_hex(6)}{path.suffix}"


class Staged(ABC):
    """Something written under a temporary name. `commit` puts it in place; without it, leaving the context removes it.

    Args:
        target: The file to write, for messages.
        final: The file or folder that `commit` changes.
        path: The temporary file or folder; exists once the context is entered.
    """

    def __init__(self, target: Path, final: Path, path: Path) -> None:
        self.target = target
        self.path = path
        self._final = final

    def __enter__(self) -> Self:
        """Creates the target's folder and the temporary file or folder."""
        with reporting_failures(self.target):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._create()
        return self

    def commit(self) -> None:
        """Puts the result in place of an old one."""
        with reporting_failures(self.target):
            self._move()

    def __exit__(self, *details: object) -> None:
        with suppress(OSError):
            self._remove()

    @abstractmethod
    def _create(self) -> None: ...

    @abstractmethod
    def _move(self) -> None: ...

    @abstractmethod
    def _remove(self) -> None: ...


class StagedOutput(Staged):
    """A temporary file that replaces the target on commit.

    Args:
        target: The file to write. A symbolic link stays one: the file it points to is replaced.
        inputs: Files that the target must not replace.
        mode: Permissions of a new file; the umask applies.
    """

    def __init__(self, target: Path, inputs: Sequence[Path] = (), mode: int = 0o666) -> None:
        check_target(target, inputs)
        final = _resolve(target)
        super().__init__(target, final, hidden_beside(final))
        self._mode = mode

    def existing(self) -> list[Path]:
        """The target, if it exists and would be replaced."""
        return [self.target] if self._final.exists() else []

    @override
    def _create(self) -> None:
        # Unlike tempfile's, this file gets the permissions that the user's umask gives new files.
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, self._mode))

    @override
    def _move(self) -> None:
        if self._final.exists():
            shutil.copymode(self._final, self.path)
        self.path.replace(self._final)
        _log.debug("%s is complete", self.target)

    @override
    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)


class StagedFolder(Staged):
    """A temporary folder whose files move into the target's folder on commit, while signals wait.

    If a file cannot be moved, `commit` raises OutputError; the files before it are moved by then. The target is any
    name in the folder that the files move to.
    """

    def __init__(self, target: Path) -> None:
        check_target(target)
        final = target.parent.resolve()
        super().__init__(target, final, hidden_beside(final / "folder"))

    @override
    def _create(self) -> None:
        self.path.mkdir()

    @override
    def _move(self) -> None:
        staged = sorted(self.path.iterdir())
        blocked = next((file.name for file in staged if (self._final / file.name).is_dir()), None)
        if blocked is not None:
            raise OutputError(f"{self._final / blocked} is a folder; remove it or choose another name.")
        # Pictures of two runs under one pattern would pass for one clip.
        with uninterrupted():
            for file in staged:
                file.replace(self._final / file.name)

    @override
    def _remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yields a temporary path; the file takes the target's name when the context ends without an exception."""
    with StagedOutput(target) as staged:
        with reporting_failures(target):
            yield staged.path
        staged.commit()


def _is_same_file(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):
        return False


def _resolve(target: Path) -> Path:
    """The file that a write to the target would change."""
    return target.resolve() if target.is_symlink() else target.absolute()
