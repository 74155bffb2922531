"""The engine store: nothing is loaded that others may have written."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, kept_names, why_not_found
from fomm_rt.engines import staging
from fomm_rt.engines.manifest import MANIFEST_NAME
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError


@pytest.mark.parametrize("part", ["store", "set", MANIFEST_NAME, "generator.engine"])
@pytest.mark.parametrize("bit", [stat.S_IWGRP, stat.S_IWOTH])
def test_what_others_may_write_is_not_loaded(store: EngineStore, part: str, bit: int) -> None:
    folder = build(store)
    path = {"store": store.folder, "set": folder.path}.get(part, folder.path / part)
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | bit)
    message = why_not_found(store)
    assert (
        f"{path}: expected to be writable by its owner alone, as engines are executed; its mode is {mode | bit:03o}"
        in message
    )
    assert f"chmod -R go-w {path}" in message
    assert store.look()[0] == []
    assert store.look()[1][0][0] == (store.folder if part == "store" else folder.path)
    subprocess.run(["chmod", "-R", "go-w", path], check=True)
    assert contents_of(store.find(WANTED)) == CONTENTS


@pytest.mark.parametrize("hold", [True, False])
def test_what_becomes_writable_after_it_was_found(store: EngineStore, hold: bool) -> None:
    build(store)
    folder = store.find(WANTED) if hold else store.look()[0][0]
    (folder.path / "generator.engine").chmod(0o666)
    with pytest.raises(EngineError, match="writable by its owner alone"):
        folder.read("generator")


@pytest.mark.parametrize("part", ["store", "set", MANIFEST_NAME, "generator.engine"])
def test_what_belongs_to_others_is_not_loaded(store: EngineStore, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build(store)
    path = {"store": store.folder, "set": folder.path}.get(part, folder.path / part)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "expected to belong to this user or root, as engines are executed; it belongs to user" in why_not_found(
        store
    )
    assert store.look()[0] == []


def test_building_into_a_store_that_others_may_write(store: EngineStore) -> None:
    store.folder.mkdir(parents=True)
    store.folder.chmod(0o777)
    with pytest.raises(EngineError, match="writable by its owner alone"), store.building(SPEC):
        pytest.fail("minutes of building for nothing")
    assert kept_names(store) == []


def test_a_file_system_without_modes_is_noticed_before_building(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_FOLDER_MODE", 0o777)
    store.folder.mkdir(parents=True)
    umask = os.umask(0)
    try:
        with pytest.raises(EngineError, match="writable by its owner alone"), store.building(SPEC):
            pytest.fail("minutes of building for nothing")
    finally:
        os.umask(umask)
    assert kept_names(store) == []


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_what_is_written_is_its_owners_whatever_the_umask(store: EngineStore, umask: int) -> None:
    before = os.umask(umask)
    try:
        build(store)
    finally:
        os.umask(before)
    for path in (store.folder, *store.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o755 if path.is_dir() else 0o644) & ~umask, path
    assert contents_of(store.find(WANTED)) == CONTENTS
