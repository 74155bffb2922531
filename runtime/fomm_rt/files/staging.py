"""Write beside the target and rename at the end, so a file under its final name is always complete.

A run that fails, is interrupted or fills the disk leaves the old file as it was and removes its own temporary file.
The temporary file is in a hidden folder beside the target, because a rename across file systems would copy. It has the
extension of the target, because muxers choose their format by it. The next run to the same folder removes the temporary
files of a killed process, see `hidden_folder`.
"""

import errno
import logging
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import Self, override

from fomm_rt.errors import OutputError
from fomm_rt.files.address import explain_output
from fomm_rt.files.foreign_links import find_foreign_link
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.files.moves import put_in_place

_log = logging.getLogger(__name__)

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}
_KEPT = "nothing was kept, and an old file is unchanged"


def check_target(target: Path, inputs: Sequence[Path] = ()) -> None:
    """Checks that a file can be written and is not one of the inputs under any name or link; changes nothing.

    Raises:
        OutputError: The target is a folder, a device or an input, its folder cannot be written, or another user's link
            leads to it.
    """
    if "\0" in str(target):
        raise OutputError(f"{str(target)!r} is not a file name.")
    if (instead := explain_output(target)) and not target.parent.exists():
        raise OutputError(instead)
    try:
        refuse_foreign_links(target)
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


def refuse_foreign_links(target: Path) -> None:
    """Checks that no link of another user in a world-writable folder leads to a result.

    Raises:
        OutputError: One does.
        OSError: See `find_foreign_link`.
    """
    if (link := find_foreign_link(target)) is not None:
        raise OutputError(
            f"{target} cannot be written: {link} is a link of another user in a folder that everyone can write to. "
            "It may lead to a file of yours; choose another folder with -o."
        )


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
            f"{target} could not be finished: it exceeds the size limit for files here; {_KEPT}. "
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


class Staged(ABC):
    """Something written under a temporary name. `commit` puts it in place; without it, leaving the context removes it.

    Args:
        target: The file to write, for messages.
        folder: The folder that `commit` changes.

    Attributes:
        target: The file to write, for messages.
        hidden: Holds what is written until then; exists inside the context.
    """

    def __init__(self, target: Path, folder: Path) -> None:
        self.target = target
        self.hidden = HiddenFolder(folder)

    @property
    @abstractmethod
    def path(self) -> Path:
        """The temporary file or folder; exists inside the context."""

    def __enter__(self) -> Self:
        """Creates the target's folder and the temporary file or folder; removes what killed runs left there."""
        with reporting_failures(self.target):
            self.hidden.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.hidden.folder)
            self.hidden.__enter__()
            try:
                self._create()
            except BaseException:
                self.hidden.__exit__()
                raise
        return self

    def commit(self) -> None:
        """Puts the result in place of an old one."""
        with reporting_failures(self.target):
            self._move()

    def __exit__(self, *details: object) -> None:
        self.hidden.__exit__()

    @abstractmethod
    def _create(self) -> None: ...

    @abstractmethod
    def _move(self) -> None: ...


class StagedOutput(Staged):
    """A temporary file that replaces the target on commit.

    Args:
        target: The file to write. A symbolic link stays one: the file it points to is replaced.
        inputs: Files that the target must not replace.
        mode: Permissions of a new file; the umask applies.
    """

    def __init__(self, target: Path, inputs: Sequence[Path] = (), mode: int = 0o666) -> None:
        check_target(target, inputs)
        self._final = _resolve(target)
        super().__init__(target, self._final.parent)
        self._mode = mode

    @property
    @override
    def path(self) -> Path:
        return self.hidden.new / f"result{self._final.suffix}"

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


class StagedFolder(Staged):
    """A temporary folder whose files move into the target's folder on commit, together, see `moves`.

    The target is any name in the folder that the files move to.

    Attributes:
        obsolete: Names of files in that folder that are removed on commit.
    """

    def __init__(self, target: Path) -> None:
        check_target(target)
        super().__init__(target, target.parent.resolve())
        self.obsolete: list[str] = []

    @property
    @override
    def path(self) -> Path:
        return self.hidden.new

    @override
    def _create(self) -> None:
        pass

    @override
    def _move(self) -> None:
        places = sorted(self.hidden.folder / file.name for file in self.path.iterdir())
        blocked = next((place for place in places if place.is_dir()), None)
        if blocked is not None:
            raise OutputError(f"{blocked} is a folder; remove it or choose another name.")
        put_in_place(self.hidden, self.obsolete)


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
