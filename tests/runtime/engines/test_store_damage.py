"""The engine store: an engine that is not as it was built is never read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, kept_names, manifest_of, wanted, why_not_found
from fomm_rt.engines.archive import MAGIC
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError

Damage = Callable[[Path], None]


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    """Changes the first occurrence in place, as a reader that has the file open sees it."""
    assert len(old) == len(new)
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(content.index(old))
        file.write(new)


def spoil_manifest(path: Path) -> None:
    overwrite(path, b'"format_version"', b'"format_versi"on')


def spoil_magic(path: Path) -> None:
    overwrite(path, MAGIC, b"FOMMENG\x03")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def cut_manifest(path: Path) -> None:
    os.truncate(path, 100)


def cut_head(path: Path) -> None:
    os.truncate(path, 10)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"1")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def link(path: Path) -> None:
    outside = path.parents[1] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def swell_manifest(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(MAGIC + (1 << 30).to_bytes(8, "little"))


def others_key(path: Path) -> None:
    overwrite(path, b'"sm_90"', b'"sm_80"')


DAMAGE: dict[Damage, str] = {
    spoil_manifest: "expected a manifest of engines; ",
    spoil_magic: "expected an archive of engines; it is another file",
    cut: "; it was cut or altered",
    cut_manifest: "expected a manifest of engines; ",
    cut_head: "expected a manifest of engines; ",
    append: "; it was cut or altered",
    empty: "expected an archive of engines; it is another file",
    link: "expected a file of engines; it is a link",
    pipe: "expected a file; it is a pipe or device",
    swell_manifest: "expected an archive of engines; it is another file",
    others_key: "its manifest is of",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_sets_are_skipped_and_replaced(store: EngineStore, damage: Damage) -> None:
    good, bad = build(store, replace(SPEC, max_batch=1)), build(store)
    damage(bad.path)
    assert [found.path for found in store.look()[0]] == [good.path]
    (damaged,) = store.look()[1]
    assert damaged.path == bad.path
    assert DAMAGE[damage] in damaged.reason
    assert damaged.reason.startswith(str(bad.path))
    assert store.find(WANTED).path == good.path
    assert f"Unusable: {damaged.reason}" in why_not_found(store, max_batch=2)

    with store.building(SPEC) as pending:
        assert pending.existing is None
        again = pending.publish(manifest_of(), CONTENTS)
    assert contents_of(store.find(wanted(max_batch=2))) == CONTENTS
    assert again.path == bad.path
    assert kept_names(store) == sorted([good.path.name, again.path.name])


def test_a_folder_in_place_of_a_set_is_reported(store: EngineStore) -> None:
    path = build(store).path
    path.unlink()
    path.mkdir()
    (damaged,) = store.look()[1]
    assert "expected a file of engines; Is a directory" in damaged.reason
    with pytest.raises(EngineError, match=r"engines cannot be kept"):
        build(store)


@pytest.fixture(params=["find", "look"])
def found(store: EngineStore, request: pytest.FixtureRequest) -> EngineSet:
    """A set as `find` and `look` return it."""
    build(store)
    return store.find(WANTED) if request.param == "find" else store.look()[0][0]


def test_an_altered_engine_is_refused(store: EngineStore, found: EngineSet) -> None:
    overwrite(found.path, b"generatordense", b"generatoRdense")
    for altered in (found, store.find(WANTED)):
        with pytest.raises(EngineError, match=r"the SHA-256 of the generator .* Rebuild: fomm-rt build MODEL .*--reb"):
            altered.read("generator")
        assert altered.read("dense_motion") == CONTENTS["dense_motion"]
    with store.building(SPEC) as pending:
        assert pending.existing is None, "a build without --rebuild must replace it"


def test_an_engine_that_is_cut_after_it_was_found_is_refused(found: EngineSet) -> None:
    os.truncate(found.path, found.path.stat().st_size - 100)
    with pytest.raises(EngineError, match="expected 5000 bytes of the dense_motion engine, found 4900"):
        found.read("dense_motion")
    assert found.read("generator") == CONTENTS["generator"]


def test_an_engine_of_another_set_is_refused(store: EngineStore) -> None:
    build(store)
    other = build(store, replace(SPEC, max_batch=1), {**CONTENTS, "generator": b"G" * 9000})
    own = store.find(wanted(max_batch=2))
    manifest = own.path.read_bytes()[: -sum(map(len, CONTENTS.values()))]
    own.path.write_bytes(manifest + other.path.read_bytes()[-14000:])
    with pytest.raises(EngineError, match="altered"):
        store.find(wanted(max_batch=2)).read("generator")


def test_other_files_in_the_folder_are_ignored(store: EngineStore) -> None:
    build(store)
    names = ("notes.txt", f"{SPEC.key}.1", SPEC.key, f"{SPEC.key}.engines.old", "x.engines", ".hidden", "lost+found")
    for name in names:
        (store.folder / name).mkdir()
    assert len(store.look()[0]) == 1
    assert store.look()[1] == []
    build(store)
    assert all((store.folder / name).exists() for name in names), "only what builders leave is removed"


def test_a_linked_store_is_followed(store: EngineStore, tmp_path: Path) -> None:
    (tmp_path / "large-disk").mkdir()
    store.folder.parent.mkdir()
    store.folder.symlink_to(tmp_path / "large-disk")
    build(store)
    assert contents_of(store.find(WANTED)) == CONTENTS
    assert list((tmp_path / "large-disk").iterdir())


def test_a_removed_set_is_gone(store: EngineStore) -> None:
    kept, removed = build(store, replace(SPEC, max_batch=1)), build(store)
    store.remove(SPEC.key)
    assert kept_names(store) == [kept.path.name]
    assert contents_of(removed) == CONTENTS, "an opened set stays readable"
    with pytest.raises(EngineError, match="cannot be removed"):
        store.remove(SPEC.key)
