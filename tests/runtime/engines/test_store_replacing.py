"""The engine store: readers keep what they found while sets are replaced and removed."""

from __future__ import annotations

import gc
import os
from threading import Thread

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, kept_names, manifest_of
from fomm_rt.engines.store import EngineStore


def test_a_rebuild_replaces_the_set(store: EngineStore) -> None:
    build(store)
    new = {"generator": b"new"}
    with store.building(SPEC) as pending:
        assert pending.existing is not None
        assert contents_of(pending.existing) == CONTENTS
        assert not pending.waited
        pending.publish(manifest_of(new), new)
    assert contents_of(store.find(WANTED)) == new
    assert kept_names(store) == [f"{SPEC.key}.engines"]


def test_a_reader_keeps_the_set_it_opened(store: EngineStore) -> None:
    build(store)
    old = store.find(WANTED)
    build(store, contents={"generator": b"new"})
    assert contents_of(old) == CONTENTS
    new = store.find(WANTED)
    store.remove(SPEC.key)
    assert contents_of(old) == CONTENTS
    assert contents_of(new) == {"generator": b"new"}


def test_no_file_stays_open(store: EngineStore) -> None:
    build(store)
    gc.collect()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(3):
        found = store.find(WANTED)
        contents_of(found)
        store.look()[0]
        build(store)
    os.truncate(store.find(WANTED).path, 100)
    store.look()
    del found
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


def test_readers_find_a_complete_set_while_it_is_replaced(store: EngineStore) -> None:
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
    assert kept_names(store) == [f"{SPEC.key}.engines"]


def test_threads_read_the_same_set(store: EngineStore) -> None:
    build(store)
    found = store.find(WANTED)
    seen: list[dict[str, bytes]] = []
    threads = [Thread(target=lambda: seen.extend(contents_of(found) for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [CONTENTS] * 80
