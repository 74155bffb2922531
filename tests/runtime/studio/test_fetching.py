"""Fetching models through `fomm-rt fetch`, played by a fake command."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Protocol

import pytest

from fomm_rt.studio import fetching
from fomm_rt.studio.fetching import Fetch, FetchState, list_published

PROGRESS = {"step": "downloading", "message": "downloading x", "done_bytes": 5, "total_bytes": 10, "remaining_s": 1.5}


class Play(Protocol):
    def __call__(self, code: str, *, is_cancelled: bool = False) -> list[FetchState]: ...


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a fake command that is the given code; returns the states it went through, each a copy."""

    def run(code: str, *, is_cancelled: bool = False) -> list[FetchState]:
        def command(_module: str, *arguments: str) -> list[str]:
            return [sys.executable, "-c", code, *arguments]

        monkeypatch.setattr(fetching, "module_command", command)
        states: list[FetchState] = []

        async def follow() -> None:
            changed = asyncio.Event()
            fetch = Fetch("vox-adv", trust=False, on_change=changed.set)
            while fetch.state.state == "running":
                await asyncio.wait_for(changed.wait(), 60)
                changed.clear()
                states.append(FetchState(**vars(fetch.state)))
                if is_cancelled:
                    fetch.cancel()

        asyncio.run(follow())
        return states

    return run


def printing(*lines: object, then: str = "") -> str:
    printed = "".join(f"print({json.dumps(json.dumps(line))}, file=sys.stderr, flush=True)\n" for line in lines)
    return f"import sys, time\n{printed}{then}"


def test_progress_is_followed_to_the_end(play: Play) -> None:
    states = play(printing({"no": "progress"}, "text", PROGRESS, then="time.sleep(0.5); print('{}')"))
    assert states[0] == FetchState("running", "downloading x", 5, 10, 1.5)
    assert states[-1] == FetchState("done", "done")


def test_a_failure_has_the_sentence_of_the_command(play: Play) -> None:
    states = play("""import sys; print('{"error": "vox-adv: the file is another one"}'); sys.exit(1)""")
    assert states[-1] == FetchState("failed", "failed", error="vox-adv: the file is another one")


def test_a_crash_is_said(play: Play) -> None:
    (state,) = play("import os; os._exit(9)")
    assert state.error is not None
    assert "exit code 9" in state.error


def test_a_cancelled_fetch(play: Play) -> None:
    states = play(printing(PROGRESS, then="time.sleep(600)"), is_cancelled=True)
    assert states[-1].state == "cancelled"


def test_the_command_gets_what_it_needs(play: Play) -> None:
    (state,) = play("""import json, sys; print(json.dumps({"error": sys.argv[1:]})); sys.exit(1)""")
    assert state.error == "['fetch', 'vox-adv', '--json', '--progress', 'json']"


def test_published_models_are_listed() -> None:
    published = {each.name: each for each in list_published()}
    assert published["vox-adv"].verified_by == "SHA-256"
    assert published["taichi"].verified_by is None


def test_without_the_package_that_fetches_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "module_command", lambda *_arguments: [sys.executable, "-c", "raise SystemExit(2)"])
    assert list_published() == []
