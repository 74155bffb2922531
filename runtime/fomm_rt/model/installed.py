"""The files of an installed model, and the list of all installed models.

NAME/                model folder
NAME.fetched.json    where `fomm-rt fetch` took the checkpoint from (`fetch_record`)
NAME.checkpoint/     the checkpoint, if it was kept
.NAME.download/      an unfinished download
.NAME.lock           held while the model is fetched or removed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fomm_rt.errors import FommError, ModelError
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.model.fetch_record import SUFFIX, FetchRecord, read_record
from fomm_rt.model.manifest import Manifest, read_manifest
from fomm_rt.model.names import how_to_get, installed_names, models_folder

_DOWNLOAD_SUFFIX = ".download"


@dataclass(frozen=True)
class ModelPlace:
    """Paths of a model that is, or may become, installed under a name."""

    models: Path
    name: str

    @property
    def folder(self) -> Path:
        """The model folder."""
        return self.models / self.name

    @property
    def record(self) -> Path:
        """The record of `fomm-rt fetch`."""
        return self.models / f"{self.name}{SUFFIX}"

    @property
    def checkpoint(self) -> Path:
        """The folder of a kept checkpoint."""
        return self.models / f"{self.name}.checkpoint"

    @property
    def download(self) -> Path:
        """The folder of an unfinished download."""
        return self.models / f".{self.name}{_DOWNLOAD_SUFFIX}"

    @property
    def paths(self) -> list[Path]:
        """Those files and folders of the model that exist."""
        every = (self.folder, self.record, self.checkpoint, self.download)
        return [path for path in every if path.exists() or path.is_symlink()]

    @property
    def size_bytes(self) -> int:
        """Size of all files of the model."""
        return sum(map(_size_bytes, self.paths))

    @contextmanager
    def locked(self, on_wait: Callable[[], object] | None = None) -> Iterator[None]:
        """Holds the lock of the model against other threads and processes.

        Args:
            on_wait: Called before another holder is waited for; without it, another holder is an error.

        Raises:
            ModelError: The folder cannot be written, or the lock is held.
        """
        try:
            self.models.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.models / f".{self.name}.lock", fallback_to_soft=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                if on_wait is None:
                    raise ModelError(
                        f"{self.name}: another fomm-rt is fetching or removing it; try again when that has ended"
                    ) from None
                on_wait()
                lock.acquire()
        except OSError as error:
            raise ModelError(
                f"{self.models}: models cannot be kept there ({error.strerror}); change its permissions, or set "
                "FOMM_MODELS to another folder"
            ) from error
        try:
            yield
        finally:
            lock.release()


@dataclass(frozen=True)
class InstalledModel:
    """A model that is installed under a name.

    Attributes:
        size_bytes: Of the model folder and a kept checkpoint.
        manifest: None if it cannot be read; `problem` then says why.
        record: What `fomm-rt fetch` recorded; None if the model came another way.
    """

    name: str
    folder: Path
    size_bytes: int
    manifest: Manifest | None
    problem: str | None
    record: FetchRecord | None


@dataclass(frozen=True)
class UnfinishedDownload:
    """A download that `fomm-rt fetch` has begun for a model of this name."""

    name: str
    size_bytes: int


def place_of(name: str) -> ModelPlace:
    """The place of a model in the models folder.

    Raises:
        ModelError: Not a name, or there is no models folder.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise ModelError(f"{name!r}: expected the name of a model, not a path; fomm-rt models lists them")
    return ModelPlace(models_folder(), name)


def installed_models() -> list[InstalledModel]:
    """All installed models by name. Their files are not checked.

    Raises:
        ModelError: The models folder cannot be read.
    """
    folder = models_folder()
    return [describe_model(name, folder / name) for name in installed_names(folder)]


def unfinished_downloads() -> list[UnfinishedDownload]:
    """All unfinished downloads by name; those that hold nothing are left out.

    Raises:
        ModelError: There is no models folder.
    """
    downloads = sorted(models_folder().glob(f".*{_DOWNLOAD_SUFFIX}"))
    found = [UnfinishedDownload(path.name[1:].removesuffix(_DOWNLOAD_SUFFIX), _size_bytes(path)) for path in downloads]
    return [download for download in found if download.name and download.size_bytes]


def describe_model(name: str, folder: Path) -> InstalledModel:
    """Describes the model in a folder; a problem with it is a part of the description."""
    place = ModelPlace(folder.parent, folder.name)
    manifest, record, problem = None, None, None
    try:
        manifest = read_manifest(place.folder)
        record = read_record(place.record)
    except (FommError, OSError) as error:
        problem = str(error)
    size_bytes = _size_bytes(place.folder) + _size_bytes(place.checkpoint)
    return InstalledModel(name, folder, size_bytes, manifest, problem, record)


def remove_model(name: str) -> int:
    """Removes a model with its record, its kept checkpoint and an unfinished download; returns the bytes freed.

    Raises:
        ModelError: There is no such model, it is being fetched, or it cannot be removed.
    """
    place = place_of(name)
    if not place.paths:
        raise ModelError(f"{name}: no model of this name is installed. {how_to_get(name)}")
    with place.locked():
        size_bytes = place.size_bytes
        for path in place.paths:
            try:
                _remove(path)
            except OSError as error:
                raise ModelError(f"{path}: cannot be removed ({error.strerror}); change its permissions") from error
    return size_bytes


def _size_bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def _remove(path: Path) -> None:
    if path.is_file() or path.is_symlink():
        path.unlink()
        return
    # Renamed first, so that an interruption leaves no half of a model under its name.
    remove_leftovers(path.parent)
    with HiddenFolder(path.parent) as hidden:
        path.rename(hidden.new / path.name)
