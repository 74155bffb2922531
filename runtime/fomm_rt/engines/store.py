"""The engine store: built TensorRT engines on disk, found by what they have to fit.

Which engines fit: `fit`. How they are read: `folder`. How they are written, and what lies in the store's
folder: `staging`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fomm_rt.engines import staging
from fomm_rt.engines.folder import EngineFolder, check_private, open_engine_folder
from fomm_rt.engines.manifest import EngineSpec
from fomm_rt.engines.requirements import EngineRequirements, best_of
from fomm_rt.engines.staging import EngineStaging
from fomm_rt.errors import EngineError

__all__ = ["EngineFolder", "EngineRequirements", "EngineStaging", "EngineStore", "default_folder"]

_log = logging.getLogger("fomm_rt")

# A set that vanishes while it is looked at has been replaced; more than a few times in a row is no accident.
_LOOKS = 10

Damaged = list[tuple[Path, str]]


class EngineStore:
    """Sets of engines in one folder.

    Attributes:
        folder: It need not exist.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Nothing is read or written yet.

        Args:
            folder: By default `default_folder()`.

        Raises:
            EngineError: There is no default, as the user has no home.
        """
        self.folder = default_folder() if folder is None else folder

    def find(self, requirements: EngineRequirements, largest: bool = False) -> EngineFolder:
        """The set that fits best: with the smallest batch that suffices, or the largest, and of equals the newest.

        It can be read even if it is replaced or removed afterwards.

        Raises:
            EngineError: None fits, or the store cannot be read or trusted; says why, and what to run.
        """
        for look in range(1, _LOOKS + 1):
            folders, damaged = self._look()
            fitting = [folder for folder in folders if not requirements.mismatches(folder.manifest)]
            if not fitting:
                break
            try:
                return open_engine_folder(best_of(fitting, largest).path)
            except EngineError:
                if look == _LOOKS:
                    raise
        raise EngineError(f"{self.folder}: {requirements.explain(folders, damaged)}")

    @contextmanager
    def building(self, spec: EngineSpec, on_wait: Callable[[str], None] | None = None) -> Iterator[EngineStaging]:
        """Holds the lock of a set of engines and gives a place to write it.

        Another builder of the same set, in any process, is waited for; `EngineStaging.existing` is then what it built.
        What is not published by the end of the context leaves nothing. What killed builders left is removed.

        Args:
            spec: Of the set.
            on_wait: Called with a sentence before another builder is waited for; logged as a warning by default.

        Raises:
            EngineError: The store cannot be written, locked or trusted.
        """
        tell = on_wait or _log.warning
        with staging.staging(
            self.folder, spec, lambda: tell("waiting for another builder of the same engines")
        ) as staged:
            yield staged

    def look(self) -> tuple[list[EngineFolder], Damaged]:
        """All sets that can be read; and what cannot be used, sets or the store itself, each with the reason."""
        try:
            return self._look()
        except EngineError as error:
            return [], [(self.folder, str(error))]

    def _look(self) -> tuple[list[EngineFolder], Damaged]:
        """The latest readable set under every key, and what is wrong with later ones."""
        for _ in range(_LOOKS):
            try:
                return self._look_once()
            except _ReplacedError:
                continue
        raise EngineError(f"{self.folder}: its engines keep being replaced; wait until they are built")

    def _look_once(self) -> tuple[list[EngineFolder], Damaged]:
        found = staging.sets(self.folder)
        if found:
            # Its ownership tells of the folders above as well: who may change those can put only their own here.
            check_private(self.folder.stat(), self.folder)
        folders: list[EngineFolder] = []
        damaged: Damaged = []
        for key, numbers in found.items():
            for number in numbers:
                path = self.folder / f"{key}.{number}"
                try:
                    folders.append(staging.open_set(self.folder, key, number, hold=False))
                    break
                except EngineError as error:
                    if not os.path.lexists(path):
                        raise _ReplacedError from error
                    damaged.append((path, str(error)))
        return folders, damaged


def default_folder() -> Path:
    """fomm-rt/engines in the user's cache ($XDG_CACHE_HOME, else ~/.cache).

    Raises:
        EngineError: The user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "fomm-rt" / "engines"
    except RuntimeError as error:  # as in some containers
        raise EngineError(f"engines have no place to be kept ({error}); set XDG_CACHE_HOME") from error


class _ReplacedError(Exception):
    """A set vanished while it was looked at."""
