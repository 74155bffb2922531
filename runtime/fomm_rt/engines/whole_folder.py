"""Whole engines as plain files, for other programs.

    source_encoder.engine, keypoint_detector.engine, dense_motion.engine, generator.engine
    manifest.json   see `fomm_rt.engines.manifest`
    .build.lock     empty, held while engines are built

A rebuild replaces each file at once, the manifest last. A reader in between finds engines that do not have the hashes
in the manifest, and `EngineSet.read` refuses them.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from typing_extensions import override

from fomm_rt.engines.building import EnginePlace
from fomm_rt.engines.engine_set import Contents, EngineSet
from fomm_rt.engines.manifest import EngineManifest, EngineSpec, parse_manifest
from fomm_rt.engines.private_files import check_private_folder, read_private, staged_private
from fomm_rt.errors import EngineError
from fomm_rt.files.interruption import uninterrupted
from fomm_rt.model.manifest import NETWORKS

MANIFEST_NAME = "manifest.json"
ENGINE_SUFFIX = ".engine"


def open_whole_folder(folder: Path) -> EngineSet:
    """Opens the engines of a folder. They are checked when they are read.

    Raises:
        EngineError: The manifest is missing or damaged, or others can write it or the folder.
    """
    try:
        check_private_folder(folder)
    except OSError as error:
        raise EngineError(
            f"{folder}: expected a folder of engines; it cannot be read ({error.strerror}). Build the engines again"
        ) from error
    manifest = parse_manifest(read_private(folder / MANIFEST_NAME), folder / MANIFEST_NAME)
    return EngineSet(folder, manifest, lambda name: read_private(folder / f"{name}{ENGINE_SUFFIX}"))


class WholeFolder(EnginePlace):
    """A folder for one set of whole engines."""

    @override
    def lock_file(self, spec: EngineSpec) -> Path:
        return self.folder / ".build.lock"

    @override
    def open(self, spec: EngineSpec) -> EngineSet:
        return open_whole_folder(self.folder)

    @override
    def occupied(self) -> list[Path]:
        names = (MANIFEST_NAME, *(f"{network}{ENGINE_SUFFIX}" for network in NETWORKS))
        return [self.folder / name for name in names if (self.folder / name).exists()]

    @override
    def write(self, manifest: EngineManifest, contents: Contents) -> EngineSet:
        text = manifest.to_json().encode()
        # As a reader parses it; names of engines are safe as file names then.
        manifest = parse_manifest(text, self.folder / MANIFEST_NAME)
        files = {f"{name}{ENGINE_SUFFIX}": contents[name] for name in manifest.engines}
        with ExitStack() as stack:
            staged = {
                name: stack.enter_context(staged_private(self.folder / name, [content]))
                for name, content in [*files.items(), (MANIFEST_NAME, text)]
            }
            EngineSet(self.folder, manifest, lambda name: read_private(staged[f"{name}{ENGINE_SUFFIX}"].path)).check()
            with uninterrupted():  # engines of two builds under one manifest would be refused
                for file in staged.values():
                    file.commit()
        return open_whole_folder(self.folder)
