"""The engine store: a file that others can write is never loaded."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, kept_names, why_not_found
from fomm_rt.engines import building
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError


@pytest.mark.parametrize("part", ["store", "set"])
@pytest.mark.parametrize("bit", [stat.S_IWGRP, stat.S_IWOTH])
def test_files_that_others_can_write_are_not_loaded(store: EngineStore, part: str, bit: int) -> None:
    engines = build(store).path
    path = store.folder if part == "store" else engines
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | bit)
    message = why_not_found(store)
    assert (
        f"{path}: expected to be writable by its owner alone, as engines are executed; its mode is {mode | bit:03o}"
        in message
    )
    assert f"chmod -R go-w {path}" in message
    assert store.look()[0] == []
    assert store.look()[1][0].path == path
    subprocess.run(["chmod", "-R", "go-w", path], check=True)
    assert contents_of(store.find(WANTED)) == CONTENTS


def test_a_set_that_others_can_write_is_replaced_by_a_private_one(store: EngineStore) -> None:
    build(store).path.chmod(0o666)
    with store.building(SPEC) as pending:
        assert pending.existing is None
    build(store)
    assert contents_of(store.find(WANTED)) == CONTENTS


def test_a_set_that_becomes_writable_after_it_was_found_is_refused(store: EngineStore) -> None:
    build(store)
    for engines in (store.find(WANTED), store.look()[0][0]):
        engines.path.chmod(0o666)
        with pytest.raises(EngineError, match="writable by its owner alone"):
            engines.read("generator")
        engines.path.chmod(0o644)


@pytest.mark.parametrize("part", ["store", "set"])
def test_files_of_other_users_are_not_loaded(store: EngineStore, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = build(store).path
    if os.geteuid() == 0:
        os.chown(store.folder if part == "store" else engines, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "expected to belong to this user or root, as engines are executed; it belongs to user" in why_not_found(
        store
    )
    assert store.look()[0] == []


def test_does_not_build_into_a_store_that_others_can_write(store: EngineStore) -> None:
    store.folder.mkdir(parents=True)
    store.folder.chmod(0o777)
    with pytest.raises(EngineError, match="writable by its owner alone"), store.building(SPEC):
        pytest.fail("minutes of building for nothing")
    assert kept_names(store) == []


def test_a_file_system_without_modes_is_noticed_before_building(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "FILE_MODE", 0o666)
    umask = os.umask(0)
    try:
        with pytest.raises(EngineError, match="writable by its owner alone"), store.building(SPEC):
            pytest.fail("minutes of building for nothing")
    finally:
        os.umask(umask)
    assert kept_names(store) == []


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_only_the_owner_can_write_under_any_umask(store: EngineStore, umask: int) -> None:
    before = os.umask(umask)
    try:
        build(store)
    finally:
        os.umask(before)
    for path in (store.folder, *store.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o755 if path.is_dir() else 0o644) & ~umask, path
    assert contents_of(store.find(WANTED)) == CONTENTS
