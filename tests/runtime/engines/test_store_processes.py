"""The engine store: one builder at a time, and a killed one leaves nothing behind."""

from __future__ import annotations

import logging
import signal
from dataclasses import replace
from threading import Thread

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, fill, kept_names
from fomm_rt.engines.manifest import EngineSpec
from fomm_rt.engines.store import EngineFolder, EngineStore
from store_processes import run, start, tell, told

BUILDER = (
    "with store.building(SPEC, say) as staged:",
    "    say(staged.waited, staged.existing and staged.existing.manifest.model_name)",
    "    manifest = fill(staged, model_name=sys.argv[0])",
    "    sys.stdin.readline()",
)
PUBLISH = "    staged.publish(manifest)"


def test_the_second_builder_waits_and_finds_what_the_first_built(store: EngineStore) -> None:
    with start(store, *BUILDER, PUBLISH) as first:
        assert told(first) == "False None"
        with start(store, *BUILDER) as second:
            assert told(second) == "waiting for another builder of the same engines"
            assert len(kept_names(store)) == 1, "the first's staging is left alone"
            tell(first)
            assert told(second) == "True -c"
            tell(second)
    assert (first.returncode, second.returncode) == (0, 0)
    assert kept_names(store) == [f"{SPEC.key}.1"]


def test_waiting_is_logged(store: EngineStore, caplog: pytest.LogCaptureFixture) -> None:
    with start(store, *BUILDER, PUBLISH) as first:
        assert told(first) == "False None"

        class Release(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
                tell(first)

        handler = Release()
        logging.getLogger("fomm_rt").addHandler(handler)
        try:
            with store.building(SPEC) as staged:
                assert staged.waited
                assert staged.existing is not None
        finally:
            logging.getLogger("fomm_rt").removeHandler(handler)
    assert caplog.messages == ["waiting for another builder of the same engines"]


def test_threads_exclude_each_other_as_processes_do(store: EngineStore) -> None:
    waiting: list[str] = []
    seen: list[EngineFolder | None] = []

    def second() -> None:
        with store.building(SPEC, waiting.append) as staged:
            seen.append(staged.existing)

    with store.building(SPEC) as staged:
        thread = Thread(target=second)
        thread.start()
        while not waiting:
            assert thread.is_alive()
        assert seen == []
        staged.publish(fill(staged))
    thread.join()
    assert seen[0] is not None


def test_builders_of_different_sets_do_not_wait(store: EngineStore) -> None:
    with start(store, *BUILDER, PUBLISH) as other:
        assert told(other) == "False None"
        with store.building(replace(SPEC, max_batch=1), pytest.fail) as staged:
            staged.publish(fill(staged))
            assert len([name for name in kept_names(store) if name.startswith(".")]) == 1, "the other's staging"
        tell(other)
    assert other.returncode == 0
    assert len(store.look()[0]) == 2


@pytest.mark.parametrize("next_spec", [SPEC, replace(SPEC, max_batch=1)], ids=["the same set", "another set"])
def test_what_a_killed_builder_left_is_removed_by_the_next(store: EngineStore, next_spec: EngineSpec) -> None:
    with start(store, *BUILDER) as process:
        assert told(process) == "False None"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert len(kept_names(store)) == 1
    assert kept_names(store)[0].startswith(f".{SPEC.key}.")
    assert store.look() == ([], [])
    with store.building(next_spec, pytest.fail) as staged:
        assert not staged.waited
        staged.publish(fill(staged))
    assert kept_names(store) == [f"{next_spec.key}.1"]


def test_a_builder_that_waits_goes_on_when_the_other_is_killed(store: EngineStore) -> None:
    with start(store, *BUILDER) as first:
        assert told(first) == "False None"
        with start(store, *BUILDER, PUBLISH) as second:
            assert told(second).startswith("waiting")
            first.kill()
            assert told(second) == "True None"
            tell(second)
    assert second.returncode == 0
    assert kept_names(store) == [f"{SPEC.key}.1"]


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("os.fsync = die", CONTENTS),
        ("Path.rename = die", CONTENTS),
        ("staging.discard = die", {"generator": b"new"}),
        ("staging.shutil.rmtree = die", {"generator": b"new"}),
    ],
)
def test_killed_in_the_middle_of_replacing(store: EngineStore, moment: str, found: dict[str, bytes]) -> None:
    build(store)
    assert run(store, moment, "build(store, contents={'generator': b'new'})") == -signal.SIGKILL
    assert contents_of(store.find(WANTED)) == found
    assert [contents_of(folder) for folder in store.look()[0]] == [found]
    assert store.look()[1] == []
    with store.building(SPEC) as staged:
        assert staged.existing is not None
        assert contents_of(staged.existing) == found
        last = staged.publish(fill(staged, {"generator": b"last"}))
    assert kept_names(store) == [last.path.name]
