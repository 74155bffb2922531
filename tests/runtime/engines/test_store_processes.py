"""The engine store: one builder at a time, and a killed builder leaves nothing behind."""

from __future__ import annotations

import logging
import signal
from dataclasses import replace
from threading import Thread

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, kept_names, manifest_of
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import EngineSpec
from fomm_rt.engines.store import EngineStore
from store_processes import run, start, tell, told

BUILDER = (
    "with store.building(SPEC, say) as pending:",
    "    say(pending.waited, pending.existing and pending.existing.manifest.model_name)",
    "    sys.stdin.readline()",
)
PUBLISH = "    pending.publish(manifest_of(model_name=sys.argv[0]), CONTENTS)"


def test_the_second_builder_waits_and_finds_the_engines_of_the_first(store: EngineStore) -> None:
    with start(store, *BUILDER, PUBLISH) as first:
        assert told(first) == "False None"
        with start(store, *BUILDER) as second:
            assert told(second) == "waiting for another builder of the same engines"
            tell(first)
            assert told(second) == "True -c"
            tell(second)
    assert (first.returncode, second.returncode) == (0, 0)
    assert kept_names(store) == [f"{SPEC.key}.engines"]


def test_waiting_is_logged(store: EngineStore, caplog: pytest.LogCaptureFixture) -> None:
    with start(store, *BUILDER, PUBLISH) as first:
        assert told(first) == "False None"

        class Release(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
                tell(first)

        handler = Release()
        logging.getLogger("fomm_rt").addHandler(handler)
        try:
            with store.building(SPEC) as pending:
                assert pending.waited
                assert pending.existing is not None
        finally:
            logging.getLogger("fomm_rt").removeHandler(handler)
    assert caplog.messages == ["waiting for another builder of the same engines"]


def test_threads_exclude_each_other_as_processes_do(store: EngineStore) -> None:
    waiting: list[str] = []
    seen: list[EngineSet | None] = []

    def second() -> None:
        with store.building(SPEC, waiting.append) as pending:
            seen.append(pending.existing)

    with store.building(SPEC) as pending:
        thread = Thread(target=second)
        thread.start()
        while not waiting:
            assert thread.is_alive()
        assert seen == []
        pending.publish(manifest_of(), CONTENTS)
    thread.join()
    assert seen[0] is not None


def test_builders_of_different_sets_do_not_wait(store: EngineStore) -> None:
    with start(store, *BUILDER, PUBLISH) as other:
        assert told(other) == "False None"
        small = replace(SPEC, max_batch=1)
        with store.building(small, pytest.fail) as pending:
            pending.publish(manifest_of(spec=small), CONTENTS)
        tell(other)
    assert other.returncode == 0
    assert len(store.look()[0]) == 2


@pytest.mark.parametrize("next_spec", [SPEC, replace(SPEC, max_batch=1)], ids=["the same set", "another set"])
def test_the_next_builder_removes_what_a_killed_one_left(store: EngineStore, next_spec: EngineSpec) -> None:
    assert run(store, "os.fsync = die", "build(store)") == -signal.SIGKILL
    assert len(kept_names(store)) == 1
    assert kept_names(store)[0].startswith(".fomm-rt-")
    assert store.look() == ([], [])
    with store.building(next_spec, pytest.fail) as pending:
        assert not pending.waited
        pending.publish(manifest_of(spec=next_spec), CONTENTS)
    assert kept_names(store) == [f"{next_spec.key}.engines"]


def test_the_lock_of_a_killed_builder_is_free(store: EngineStore) -> None:
    with start(store, *BUILDER) as process:
        assert told(process) == "False None"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert kept_names(store) == []
    with store.building(SPEC, pytest.fail) as pending:
        assert not pending.waited


def test_a_waiting_builder_continues_when_the_other_is_killed(store: EngineStore) -> None:
    with start(store, *BUILDER) as first:
        assert told(first) == "False None"
        with start(store, *BUILDER, PUBLISH) as second:
            assert told(second).startswith("waiting")
            first.kill()
            assert told(second) == "True None"
            tell(second)
    assert second.returncode == 0
    assert kept_names(store) == [f"{SPEC.key}.engines"]


@pytest.mark.parametrize("moment", ["os.fsync = die", "Path.replace = die"])
def test_a_builder_killed_while_replacing_leaves_the_old_set(store: EngineStore, moment: str) -> None:
    build(store)
    assert run(store, moment, "build(store, contents={'generator': b'new'})") == -signal.SIGKILL
    assert contents_of(store.find(WANTED)) == CONTENTS
    assert [contents_of(found) for found in store.look()[0]] == [CONTENTS]
    assert store.look()[1] == []
    with store.building(SPEC) as pending:
        assert pending.existing is not None
        assert contents_of(pending.existing) == CONTENTS
        last = {"generator": b"last"}
        pending.publish(manifest_of(last), last)
    assert kept_names(store) == [f"{SPEC.key}.engines"]
    assert contents_of(store.find(WANTED)) == last
