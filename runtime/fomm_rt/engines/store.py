"""The engine store: a cache of engines for the kernel path, found by what they have to fit.

<key>.engines          a set of engines (`archive`); <key> is that of its `EngineSpec`
<key>-<gpu>.kernels    what TensorRT-RTX compiled of that set on GPUs of one kind, a `hashed_file`
.<key>.lock            held by the builder of that set
.publish.lock          held while a set is written
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from typing_extensions import override

from fomm_rt.engines.archive import archive_content, open_archive
from fomm_rt.engines.building import EnginePlace, locked
from fomm_rt.engines.engine_set import Contents, EngineSet
from fomm_rt.engines.manifest import EngineManifest, EngineSpec
from fomm_rt.engines.private_files import check_private_folder, staged_private
from fomm_rt.engines.requirements import EngineRequirements
from fomm_rt.errors import EngineError

SUFFIX, KERNELS_SUFFIX = ".engines", ".kernels"
_ARCHIVE = re.compile(rf"[0-9a-f]{{16}}{re.escape(SUFFIX)}")


@dataclass(frozen=True)
class Damage:
    """A set that cannot be used, or the store itself.

    Attributes:
        path: The file or folder.
        reason: An error message that starts with a path.
    """

    path: Path
    reason: str


class EngineStore(EnginePlace):
    """Sets of engines in one folder.

    Args:
        folder: It need not exist; by default `default_folder()`.

    Raises:
        EngineError: There is no default, as the user has no home.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(default_folder() if folder is None else folder)

    def find(self, requirements: EngineRequirements, largest: bool = False) -> EngineSet:
        """Finds the set that fits best: with the smallest sufficient batch, or the largest; of equals the newest.

        The set stays readable even if it is replaced or removed afterwards.

        Raises:
            EngineError: None fits, or the store cannot be read or others can write it; says why, and what to run.
        """
        sets, damaged = self._look()
        fitting = [found for found in sets if not requirements.mismatches(found.manifest)]
        if not fitting:
            reasons = [damage.reason for damage in damaged]
            raise EngineError(f"{self.folder}: {requirements.explain([found.manifest for found in sets], reasons)}")
        sign = -1 if largest else 1
        return min(fitting, key=lambda found: (sign * found.manifest.spec.max_batch, -found.manifest.built.timestamp()))

    def look(self) -> tuple[list[EngineSet], list[Damage]]:
        """Returns all readable sets, and what cannot be used. The content of engines is not checked."""
        try:
            return self._look()
        except EngineError as error:
            return [], [Damage(self.folder, str(error))]

    def remove(self, key: str) -> None:
        """Removes a set. A reader that has opened it can still read it.

        Raises:
            EngineError: There is no such set, or it cannot be removed.
        """
        path = self.path_of(key)
        if not _ARCHIVE.fullmatch(path.name):
            raise EngineError(f"{key}: expected the key of a set, 16 hexadecimal digits; see fomm-rt engines list")
        try:
            path.unlink()
            for kernels in self.folder.glob(f"{key}-*{KERNELS_SUFFIX}"):
                kernels.unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(f"{path}: cannot be removed ({error.strerror}); see fomm-rt engines list") from error

    def path_of(self, key: str) -> Path:
        """The file of a set."""
        return self.folder / f"{key}{SUFFIX}"

    def kernels_of(self, key: str, gpu: str) -> Path:
        """The file of the kernels that TensorRT-RTX compiled of a set on a GPU of this name."""
        return self.folder / f"{key}-{re.sub(r'[^A-Za-z0-9.]+', '-', gpu)}{KERNELS_SUFFIX}"

    def paths(self) -> list[Path]:
        """The files of all sets, damaged ones too.

        Raises:
            EngineError: The store cannot be read, or others can write it.
        """
        try:
            paths = sorted(path for path in self.folder.iterdir() if _ARCHIVE.fullmatch(path.name))
            if paths:
                check_private_folder(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EngineError(
                f"{self.folder}: cannot be read ({error.strerror}); change its permissions, or set XDG_CACHE_HOME to "
                "another folder"
            ) from error
        return paths

    @override
    def lock_file(self, spec: EngineSpec) -> Path:
        return self.folder / f".{spec.key}.lock"

    @override
    def open(self, spec: EngineSpec) -> EngineSet:
        return self._open(self.path_of(spec.key))

    @override
    def write(self, manifest: EngineManifest, contents: Contents) -> EngineSet:
        path = self.path_of(manifest.spec.key)
        with (
            locked(self.folder / ".publish.lock"),
            staged_private(path, archive_content(manifest, contents)) as staged,
        ):
            open_archive(staged.path).check()
            staged.commit()
        return self._open(path)

    def _look(self) -> tuple[list[EngineSet], list[Damage]]:
        sets: list[EngineSet] = []
        damaged: list[Damage] = []
        for path in self.paths():
            try:
                sets.append(self._open(path))
            except EngineError as error:
                damaged.append(Damage(path, str(error)))
        return sets, damaged

    def _open(self, path: Path) -> EngineSet:
        found = open_archive(path)
        if path != self.path_of(found.manifest.spec.key):
            raise EngineError(
                f"{path}: expected the engines of this name; its manifest is of {found.manifest.spec.key}. Remove it"
            )
        return found


def default_folder() -> Path:
    """fomm-rt/engines in the user's cache: $XDG_CACHE_HOME or ~/.cache on Linux.

    Raises:
        EngineError: The user has no home.
    """
    with suppress(RuntimeError):
        folder = platformdirs.user_cache_path("fomm-rt", appauthor=False)
        if folder.is_absolute():  # older versions of platformdirs return "~" as it is
            return folder / "engines"
    raise EngineError("there is no folder to keep engines in, as the user has no home; set XDG_CACHE_HOME")
