"""Writing a set of engines: under a lock, beside its target, and into place in one step.

    <key>.1          a set of engines; <key> is that of its EngineSpec
    <key>.2          the same built again; the highest counts, and the lower ones are removed once it is there
    .<key>.lock      empty; held by the builder of that set, by flock, which ends with its process
    .<key>.<token>   a set being written or removed

A folder cannot replace a folder in one step. A number of its own for each lets a new set appear by a rename to a free
name, so that a reader finds the old one or the new one whole. Lock files stay: without them two builders could hold
locks of one name on two files.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fomm_rt.engines.folder import EngineFolder, check_private, open_engine_folder
from fomm_rt.engines.manifest import (
    MANIFEST_NAME,
    PLAIN_NAME,
    EngineFile,
    EngineManifest,
    EngineSpec,
    EngineTensor,
)
from fomm_rt.errors import EngineError, StateError
from fomm_rt.files.lock import reporting_failures, take

_SET = re.compile(r"(?P<key>[0-9a-f]{16})\.(?P<number>[1-9][0-9]{0,8})")
_LEFTOVER = re.compile(r"\.(?P<key>[0-9a-f]{16})\.[0-9a-f]{12}")

# Whatever the umask: who may write an engine may have it executed.
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644


class EngineStaging:
    """A set of engines being written, which takes its place on `publish` and vanishes without it.

    Attributes:
        spec: What is being built.
        path: The folder that it is written into.
        existing: The set that is there already, its content checked; None if there is none.
        waited: Whether another builder of the same set had to be waited for; `existing` is then what it built.
    """

    def __init__(self, store: Path, spec: EngineSpec, waited: bool) -> None:
        """Looks at what is there; the lock of `spec` is held."""
        self.spec = spec
        self.waited = waited
        self.existing = _intact(store, spec.key)
        self.path = store / _hidden_name(spec.key)
        self._store = store
        self._added: dict[str, EngineFile] = {}
        self._published = False

    def open(self) -> None:
        """Creates the folder.

        Raises:
            EngineError: It cannot be created, or what is created here may be written by others.
        """
        with reporting_failures(self._store):
            self.path.mkdir(mode=_FOLDER_MODE)
            # On a file system without modes it is better to hear it now than after minutes of building.
            check_private(self.path.stat(), self.path)

    def add(
        self,
        name: str,
        content: bytes | memoryview,
        *,
        onnx_sha256: str,
        build_s: float,
        inputs: Sequence[EngineTensor],
        outputs: Sequence[EngineTensor],
    ) -> EngineFile:
        """Writes an engine; the arguments are those of `EngineFile`.

        Returns:
            Its entry for the manifest.

        Raises:
            EngineError: It cannot be written.
            ValueError: The name is not plain, there is one of this name, or nothing is in it.
            StateError: The set is published already.
        """
        self._check_open()
        view = memoryview(content)
        if not PLAIN_NAME.fullmatch(name) or name in self._added or not view.nbytes:
            raise ValueError(f"expected a new plain name and some content; got {name!r} and {view.nbytes} bytes")
        file = f"{name}.engine"
        self._write(file, view)
        entry = EngineFile(
            file, hashlib.sha256(view).hexdigest(), view.nbytes, onnx_sha256, build_s, tuple(inputs), tuple(outputs)
        )
        self._added[name] = entry
        return entry

    def publish(self, manifest: EngineManifest) -> EngineFolder:
        """Checks what was written as a reader would, and puts it into place in one step.

        Args:
            manifest: With `spec`, and in `engines` what `add` returned under the same names.

        Returns:
            The set in its place.

        Raises:
            EngineError: It cannot be written, or is not read as it was written; nothing is kept then.
            ValueError: The manifest is another set's.
            StateError: The set is published already.
        """
        self._check_open()
        if manifest.spec != self.spec or manifest.engines != self._added or not self._added:
            raise ValueError(f"the manifest lists {sorted(manifest.engines)}, written are {sorted(self._added)}")
        self._write(MANIFEST_NAME, manifest.to_json().encode())
        _check_content(open_engine_folder(self.path))
        earlier = sets(self._store).get(self.spec.key, [])
        target = self._store / f"{self.spec.key}.{max(earlier, default=0) + 1}"
        with reporting_failures(self._store):
            _sync_folder(self.path)
            self.path.rename(target)
            self._published = True
            _sync_folder(self._store)
        for number in earlier:
            with suppress(OSError):  # what cannot be removed now does not count, and is tried again next time
                discard(self._store / f"{self.spec.key}.{number}")
        return open_engine_folder(target)

    def close(self) -> None:
        """Removes what was not published."""
        if not self._published:
            shutil.rmtree(self.path, ignore_errors=True)

    def _check_open(self) -> None:
        if self._published:
            raise StateError("this set of engines is published already; begin another with EngineStore.building")

    def _write(self, name: str, content: bytes | memoryview) -> None:
        with reporting_failures(self._store):
            descriptor = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)  # some file systems say only here that the disk is full


@contextmanager
def staging(store: Path, spec: EngineSpec, on_wait: Callable[[], None]) -> Iterator[EngineStaging]:
    """Locks a set of engines and gives a place to write it; see `EngineStore.building`."""
    with reporting_failures(store):
        store.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        check_private(store.stat(), store)
    with _locked(_lock_path(store, spec.key), on_wait) as waited:
        with reporting_failures(store):
            _clear_leftovers(store, spec.key)
        staged = EngineStaging(store, spec, waited)
        try:
            staged.open()
            yield staged
        finally:
            staged.close()


def sets(store: Path) -> dict[str, list[int]]:
    """All sets of a store: key -> numbers, highest first; nothing is looked into.

    Raises:
        EngineError: The store cannot be read.
    """
    found: dict[str, list[int]] = {}
    try:
        names = sorted(os.listdir(store))  # noqa: PTH208
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EngineError(
            f"{store}: cannot be read ({error.strerror}); change its permissions, or set XDG_CACHE_HOME to "
            "another folder"
        ) from error
    for match in filter(None, map(_SET.fullmatch, names)):
        found.setdefault(match["key"], []).append(int(match["number"]))
    return {key: sorted(values, reverse=True) for key, values in found.items()}


def open_set(store: Path, key: str, number: int, hold: bool = True) -> EngineFolder:
    """Opens one of `sets`; see `open_engine_folder`.

    Raises:
        EngineError: There is none, it is damaged, of another key, or others may write it.
    """
    path = store / f"{key}.{number}"
    folder = open_engine_folder(path, hold)
    if folder.manifest.spec.key != key:
        raise EngineError(
            f"{path}: expected the engines of this name; its manifest is of {folder.manifest.spec.key}. Remove it"
        )
    return folder


def discard(path: Path) -> None:
    """Removes a set such that no reader finds half of it.

    Raises:
        OSError: It cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    hidden = path.with_name(_hidden_name(path.stem))
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)  # the next builder takes what is left


@contextmanager
def _locked(lock: Path, on_wait: Callable[[], None]) -> Iterator[bool]:
    """Holds a lock; gives whether another held it before."""
    descriptor = take(lock, wait=False)
    waited = descriptor is None
    if descriptor is None:
        on_wait()
        descriptor = take(lock, wait=True)
        assert descriptor is not None
    try:
        yield waited
    finally:
        os.close(descriptor)


def _clear_leftovers(store: Path, held_key: str) -> None:
    """Removes what killed processes left: what is hidden under a key whose lock is held by this builder, or free."""
    for path in sorted(store.iterdir()):
        match = _LEFTOVER.fullmatch(path.name)
        if match is None:
            continue
        if match["key"] == held_key:
            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(EngineError):  # another builder's care then
            descriptor = take(_lock_path(store, match["key"]), wait=False)
            if descriptor is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(descriptor)


def _intact(store: Path, key: str) -> EngineFolder | None:
    """The set that readers take, if all of its engines are as they were built."""
    for number in sets(store).get(key, []):
        try:
            folder = open_set(store, key, number)
        except EngineError:
            continue
        try:
            _check_content(folder)
        except EngineError:  # building again replaces it
            return None
        return folder
    return None


def _check_content(folder: EngineFolder) -> None:
    for name in folder.manifest.engines:
        folder.read(name)


def _lock_path(store: Path, key: str) -> Path:
    return store / f".{key}.lock"


def _hidden_name(key: str) -> str:
    return f".{key}.{secrets.token_hex(6)}"


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
