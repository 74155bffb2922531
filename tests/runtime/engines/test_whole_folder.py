"""Whole engines: plain files at paths that survive a rebuild."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.engine_sets import CONTENTS, WHOLE, build, contents_of, kept_names, manifest_of
from fomm_rt.engines.whole_folder import MANIFEST_NAME, WholeFolder, open_whole_folder
from fomm_rt.errors import EngineError

FILES = ["dense_motion.engine", "generator.engine", MANIFEST_NAME]
NEW = {"generator": b"new", "dense_motion": b"new too"}


@pytest.fixture
def place(tmp_path: Path) -> WholeFolder:
    return WholeFolder(tmp_path / "vox")


def test_engines_are_plain_files(place: WholeFolder) -> None:
    built = build(place, WHOLE)
    assert built.path == place.folder
    assert kept_names(place) == FILES
    for name, content in CONTENTS.items():
        assert (place.folder / f"{name}.engine").read_bytes() == content
    document = json.loads((place.folder / MANIFEST_NAME).read_text())
    assert document["engines"]["generator"]["sha256"] == hashlib.sha256(CONTENTS["generator"]).hexdigest()
    found = open_whole_folder(place.folder)
    assert found.manifest == built.manifest == manifest_of(spec=WHOLE)
    assert contents_of(found) == CONTENTS


def test_a_rebuild_keeps_the_paths(place: WholeFolder) -> None:
    build(place, WHOLE)
    with place.building(WHOLE) as pending:
        assert pending.existing is not None
        pending.publish(manifest_of(NEW, WHOLE), NEW)
    assert kept_names(place) == FILES
    assert contents_of(open_whole_folder(place.folder)) == NEW


def test_engines_of_another_build_are_replaced(place: WholeFolder) -> None:
    build(place, WHOLE)
    other = replace(WHOLE, max_batch=1)
    with place.building(other) as pending:
        assert pending.existing is None
        pending.publish(manifest_of(NEW, other), NEW)
    assert open_whole_folder(place.folder).manifest.spec == other


def test_other_files_of_the_folder_stay(place: WholeFolder) -> None:
    place.folder.mkdir()
    (place.folder / "notes.txt").write_text("mine")
    build(place, WHOLE)
    assert kept_names(place) == [*FILES, "notes.txt"]


def test_a_rebuild_that_fails_keeps_the_old_engines(place: WholeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    build(place, WHOLE)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(EngineError, match="no space left for engines"):
            build(place, WHOLE, NEW)
    with pytest.raises(EngineError, match="SHA-256 of the generator"), place.building(WHOLE) as pending:
        pending.publish(manifest_of(NEW, WHOLE), {**NEW, "generator": b"bad"})
    assert kept_names(place) == FILES
    assert contents_of(open_whole_folder(place.folder)) == CONTENTS


def test_engines_of_two_builds_are_refused(place: WholeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reader sees before the last file of a rebuild is in place."""
    build(place, WHOLE)
    replaced: list[str] = []
    replace_file = Path.replace

    def replace_and_read(path: Path, target: Path) -> Path:
        found = replace_file(path, target)
        replaced.append(target.name)
        if target.name != MANIFEST_NAME:
            with pytest.raises(EngineError, match=f"of the {target.stem} engine"):
                open_whole_folder(place.folder).read(target.stem)
        return found

    monkeypatch.setattr(Path, "replace", replace_and_read)
    build(place, WHOLE, NEW)
    assert replaced == ["generator.engine", "dense_motion.engine", MANIFEST_NAME]
    assert contents_of(open_whole_folder(place.folder)) == NEW


def lose_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def lose_engine(folder: Path) -> None:
    (folder / "generator.engine").unlink()


def cut(folder: Path) -> None:
    os.truncate(folder / "generator.engine", 100)


def alter(folder: Path) -> None:
    (folder / "generator.engine").write_bytes(b"G" * 9000)


def link(folder: Path) -> None:
    (folder / "generator.engine").rename(folder.parent / "outside")
    (folder / "generator.engine").symlink_to(folder.parent / "outside")


def open_to_all(folder: Path) -> None:
    (folder / "generator.engine").chmod(0o666)


DAMAGE: dict[Callable[[Path], None], str] = {
    lose_manifest: f"{MANIFEST_NAME}: expected a file of engines; No such file or directory",
    lose_engine: "generator.engine: expected a file of engines; No such file or directory",
    cut: "expected 9000 bytes of the generator engine, found 100",
    alter: "the SHA-256 of the generator engine is not the one in the manifest",
    link: "generator.engine: expected a file of engines; it is a link",
    open_to_all: "generator.engine: expected to be writable by its owner alone",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_engines_are_refused_and_replaced(place: WholeFolder, damage: Callable[[Path], None]) -> None:
    build(place, WHOLE)
    damage(place.folder)
    with pytest.raises(EngineError) as caught:
        open_whole_folder(place.folder).read("generator")
    assert DAMAGE[damage] in str(caught.value)
    with place.building(WHOLE) as pending:
        assert pending.existing is None
    build(place, WHOLE)
    assert contents_of(open_whole_folder(place.folder)) == CONTENTS
    assert not (place.folder.parent / "outside").exists() or not (place.folder / "generator.engine").is_symlink()


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"expected a folder of engines; it cannot be read \(No such file"):
        open_whole_folder(tmp_path / "absent")


def test_a_folder_that_others_can_write_is_refused(place: WholeFolder) -> None:
    build(place, WHOLE)
    place.folder.chmod(0o777)
    with pytest.raises(EngineError, match="expected to be writable by its owner alone"):
        open_whole_folder(place.folder)
    with pytest.raises(EngineError, match="expected to be writable by its owner alone"):
        build(place, WHOLE)


@pytest.mark.parametrize("umask", [0, 0o002, 0o077])
def test_only_the_owner_can_write_under_any_umask(place: WholeFolder, umask: int) -> None:
    before = os.umask(umask)
    try:
        build(place, WHOLE)
    finally:
        os.umask(before)
    for path in (place.folder, *place.folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644) & ~umask, path
