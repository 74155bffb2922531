"""The engine store: no engine is read that is not as it was built."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, fill, kept_names, why_not_found
from fomm_rt.engines.manifest import MANIFEST_NAME
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError


def spoil_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text("{")


def cut(folder: Path) -> None:
    os.truncate(folder / "generator.engine", 100)


def lose(folder: Path) -> None:
    (folder / "generator.engine").unlink()


def link_engine(folder: Path) -> None:
    outside = folder.parents[1] / "generator.engine"
    (folder / "generator.engine").rename(outside)
    (folder / "generator.engine").symlink_to(outside)


def link_manifest(folder: Path) -> None:
    outside = folder.parents[1] / MANIFEST_NAME
    (folder / MANIFEST_NAME).rename(outside)
    (folder / MANIFEST_NAME).symlink_to(outside)


def link_folder(folder: Path) -> None:
    outside = folder.parents[1] / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)


def pipe(folder: Path) -> None:
    lose(folder)
    os.mkfifo(folder / "generator.engine")


def folder_for_file(folder: Path) -> None:
    lose(folder)
    (folder / "generator.engine").mkdir()


def empty(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def file_for_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("")


def swell(folder: Path) -> None:
    os.truncate(folder / MANIFEST_NAME, 1 << 30)


def others_key(folder: Path) -> None:
    file = folder / MANIFEST_NAME
    file.write_text(file.read_text().replace('"sm_90"', '"sm_120"'))


DAMAGE: dict[Callable[[Path], None], str] = {
    spoil_manifest: f"{MANIFEST_NAME}: expected a manifest of engines",
    cut: "generator.engine: expected 9000 bytes, found 100; it was cut or altered",
    lose: "generator.engine: expected a file; it is missing",
    link_engine: "generator.engine: expected a file; it is a link",
    link_manifest: f"{MANIFEST_NAME}: expected a file; it is a link",
    link_folder: "expected a folder of engines; it is a link",
    pipe: "generator.engine: expected a file; it is a folder or device",
    folder_for_file: "generator.engine: expected a file; it is a folder or device",
    empty: f"{MANIFEST_NAME}: expected a file; it is missing",
    file_for_folder: "expected a folder of engines; it cannot be opened (Not a directory)",
    swell: f"has {1 << 30} bytes",
    others_key: "its manifest is of",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_sets_are_passed_over_and_replaced(store: EngineStore, damage: Callable[[Path], None]) -> None:
    good, bad = build(store, replace(SPEC, max_batch=1)), build(store)
    damage(bad.path)
    assert [folder.path for folder in store.look()[0]] == [good.path]
    ((path, reason),) = store.look()[1]
    assert path == bad.path
    assert DAMAGE[damage] in reason
    assert reason.startswith(str(bad.path))
    assert store.find(WANTED).path == good.path
    assert f"Unusable: {reason}" in why_not_found(store, batch=2)

    with store.building(SPEC) as staged:
        assert staged.existing is None
        again = staged.publish(fill(staged))
    assert store.find(replace(WANTED, batch=2)).path == again.path
    assert kept_names(store) == sorted([good.path.name, again.path.name])


@pytest.mark.parametrize("hold", [True, False])
def test_an_altered_engine_is_not_handed_over(store: EngineStore, hold: bool) -> None:
    build(store)
    folder = store.find(WANTED) if hold else store.look()[0][0]
    file = folder.path / "generator.engine"
    with file.open("r+b") as opened:
        opened.write(b"G")
    for altered in (folder, store.find(WANTED)):
        with pytest.raises(EngineError, match=r"its SHA-256 is not .* Rebuild: fomm-rt build MODEL .*--rebuild"):
            altered.read("generator")
        assert altered.read("dense_motion") == CONTENTS["dense_motion"]
    with store.building(SPEC) as staged:
        assert staged.existing is None, "a build without --rebuild has to mend it"


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("length", [0, 100, 9001])
def test_an_engine_cut_after_it_was_found(store: EngineStore, hold: bool, length: int) -> None:
    build(store)
    folder = store.find(WANTED) if hold else store.look()[0][0]
    os.truncate(folder.path / "generator.engine", length)
    with pytest.raises(EngineError, match=f"expected 9000 bytes, found {length}"):
        folder.read("generator")


def test_an_engine_of_another_set_is_foreign(store: EngineStore) -> None:
    build(store)
    other = build(store, replace(SPEC, max_batch=1), {**CONTENTS, "generator": b"G" * 9000})
    shutil.copy(other.path / "generator.engine", store.find(replace(WANTED, batch=2)).path)
    with pytest.raises(EngineError, match="altered"):
        store.find(replace(WANTED, batch=2)).read("generator")


def test_what_is_not_a_set_is_none(store: EngineStore) -> None:
    build(store)
    for name in ("notes.txt", f"{SPEC.key}.0", f"{SPEC.key}.01", SPEC.key, f"{SPEC.key}.x", ".hidden", "lost+found"):
        (store.folder / name).mkdir()
    assert len(store.look()[0]) == 1
    assert store.look()[1] == []
    build(store)
    assert (store.folder / ".hidden").exists(), "only what builders leave is removed"


def test_a_linked_store_is_followed(store: EngineStore, tmp_path: Path) -> None:
    (tmp_path / "large-disk").mkdir()
    store.folder.parent.mkdir()
    store.folder.symlink_to(tmp_path / "large-disk")
    build(store)
    assert contents_of(store.find(WANTED)) == CONTENTS
    assert list((tmp_path / "large-disk").iterdir())
