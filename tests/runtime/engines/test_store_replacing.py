"""The engine store: readers keep what they found while sets are replaced and removed."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, fill, kept_names
from fomm_rt.engines import staging
from fomm_rt.engines.folder import open_engine_folder
from fomm_rt.engines.store import EngineFolder, EngineStore


def test_building_again_replaces(store: EngineStore) -> None:
    build(store)
    with store.building(SPEC) as staged:
        assert staged.existing is not None
        assert contents_of(staged.existing) == CONTENTS
        assert not staged.waited
        staged.publish(fill(staged, {"generator": b"new"}))
    assert contents_of(store.find(WANTED)) == {"generator": b"new"}
    assert kept_names(store) == [f"{SPEC.key}.2"]


def test_a_reader_keeps_what_it_found(store: EngineStore) -> None:
    build(store)
    old = store.find(WANTED)
    build(store, contents={"generator": b"new"})
    assert contents_of(old) == CONTENTS
    new = store.find(WANTED)
    staging.discard(new.path)
    assert contents_of(old) == CONTENTS
    assert contents_of(new) == {"generator": b"new"}


def test_nothing_stays_open(store: EngineStore) -> None:
    build(store)
    gc.collect()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(3):
        folder = store.find(WANTED)
        contents_of(folder)
        store.look()[0]
        build(store)
    os.truncate(store.find(WANTED).path / "generator.engine", 100)
    store.look()[0]
    del folder
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


def test_readers_find_a_whole_set_while_it_is_replaced(store: EngineStore) -> None:
    def number(n: int) -> dict[str, bytes]:
        return {"generator": b"%d" % n * 5000, "dense_motion": b"-%d" % n * 5000}

    build(store, contents=number(0))

    def rebuild() -> None:
        for n in range(1, 40):
            build(store, contents=number(n))

    builder = Thread(target=rebuild)
    builder.start()
    found = []
    try:
        while builder.is_alive():
            found.append(contents_of(store.find(WANTED)))
            assert store.look()[1] == []
    finally:
        builder.join()
    assert all(content in map(number, range(40)) for content in found)
    assert contents_of(store.find(WANTED)) == number(39)
    assert kept_names(store) == [f"{SPEC.key}.40"]


def test_a_set_that_vanishes_while_looked_at_is_looked_for_again(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store)
    opened = staging.open_set

    def replace_first(*args: Any, **options: Any) -> EngineFolder:
        monkeypatch.setattr(staging, "open_set", opened)
        build(store, contents={"generator": b"new"})
        return opened(*args, **options)

    monkeypatch.setattr(staging, "open_set", replace_first)
    assert contents_of(store.find(WANTED)) == {"generator": b"new"}


def test_a_set_that_vanishes_once_chosen_is_looked_for_again(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store)

    def replace_first(path: Path) -> EngineFolder:
        monkeypatch.setattr("fomm_rt.engines.store.open_engine_folder", open_engine_folder)
        build(store, contents={"generator": b"new"})
        return open_engine_folder(path)

    monkeypatch.setattr("fomm_rt.engines.store.open_engine_folder", replace_first)
    assert contents_of(store.find(WANTED)) == {"generator": b"new"}
