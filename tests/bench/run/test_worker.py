"""Inside a worker: output of libraries stays out of the messages, errors become answers, stages are timed."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from typing_extensions import override

from fomm_bench.contestants import registry
from fomm_bench.contestants.protocol import Contestant
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.run import worker
from fomm_bench.run.messages import Animate, Animated, Answer, Close, Failed, Open, Opened, encode
from fomm_bench.run.worker_process import WorkerProcess, worker_command
from fomm_rt.image import Image

MODEL = ModelSpec("m", None, None)
LOUD = """
import os, sys
from fomm_bench.run import worker
from fomm_bench.contestants.protocol import Contestant, Entry
from fomm_bench.results.agreement import EXACT

class Loud(Contestant):
    device = "none"
    def set_source(self, image): print("a library prints")
    def animate(self, frame):
        os.write(1, b"a C library prints")
        assert sys.stdin.read() == ""
        os.system("echo a program prints; cat")
        return 255 - frame
    def close(self): print("closing")

entry = Entry("loud", "", "fp32", False, EXACT, (), lambda _: None, lambda _: Loud())
worker.choose = lambda names: [entry]
sys.argv = ["worker", "loud"]
worker.main()
"""


def test_prints_do_not_reach_the_messages() -> None:
    frames = np.full((1, 2, 2, 3), 5, np.uint8)
    process = WorkerProcess("loud", [sys.executable, "-c", LOUD], dict(os.environ), 60)
    try:
        opened = process.ask(Open(MODEL, frames[0]))
        assert isinstance(opened, Opened)
        assert opened.device == "none"
        animated = process.ask(Animate(frames))
        assert isinstance(animated, Animated)
        assert animated.pictures is not None
        np.testing.assert_array_equal(animated.pictures, 255 - frames)
        assert process._process.poll() is None
        errors = process._errors
        process._signal(signal.SIGCONT)
        process._requests.send_bytes(encode(Close()))
        assert process._process.wait(60) == 0
        errors.seek(0)
        output = errors.read()
    finally:
        process.close()
    for said in (b"a library prints", b"a C library prints", b"a program prints", b"closing"):
        assert said in output


def test_a_worker_ends_with_its_input() -> None:
    command = worker_command("pytorch", None)
    result = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_starting_one_imports_no_framework() -> None:
    frameworks = {"torch", "cv2", "typer", "onnxruntime", "psutil"}
    script = f"import sys, fomm_bench.run.worker; print(sorted({frameworks} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


class FakeContestant(Contestant):
    """A contestant that claims to have spent a minute on building engines."""

    device = "none"
    build_s = 60.0

    @override
    def set_source(self, image: Image) -> None: ...

    @override
    def animate(self, frame: Image) -> Image:
        return frame


def opening(monkeypatch: pytest.MonkeyPatch, open_contestant: Callable[[ModelSpec], Contestant]) -> Answer:
    """What a worker answers when its contestant is opened so."""
    (entry,) = registry.choose(["openvino"])
    entry = dataclasses.replace(entry, why_unavailable=lambda _model: None, open=open_contestant)
    monkeypatch.setattr(worker, "choose", lambda _names: [entry])
    return worker.Worker("openvino").answer(Open(MODEL, np.zeros((2, 2, 3), np.uint8)))


def test_any_error_of_a_rival_becomes_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(_model: ModelSpec) -> Contestant:
        raise ZeroDivisionError("first line\nsecond line")

    assert opening(monkeypatch, explode) == Failed("ZeroDivisionError: first line")
    assert "Traceback" in capsys.readouterr().err


def test_building_engines_does_not_count_as_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opening(monkeypatch, lambda _model: FakeContestant())
    assert isinstance(opened, Opened)
    assert opened.build_s == 60.0
    assert opened.open_ms < 0  # no time at all, minus a minute


class FakeStagedContestant(FakeContestant):
    """A contestant that times its stages only on request."""

    def __init__(self) -> None:
        self.timed: list[int] = []

    @override
    def time_stages(self, frame: Image) -> dict[str, float]:
        self.timed.append(int(frame.max()))
        return {"detector": 0.25}


def test_stages_are_timed_on_an_extra_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    contestant, answering = FakeStagedContestant(), worker.Worker("openvino")
    monkeypatch.setattr(answering, "_contestant", contestant)
    frames = np.stack([np.full((2, 2, 3), i, np.uint8) for i in range(4)])
    animated = answering.answer(Animate(frames))
    assert isinstance(animated, Animated)
    assert animated.stage_ms == [{"detector": 0.25}]
    assert contestant.timed == [3]
    assert animated.pictures is not None
    assert len(animated.latency_ms) == len(animated.pictures) == 4


def test_without_stages_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answering = worker.Worker("openvino")
    monkeypatch.setattr(answering, "_contestant", FakeContestant())
    animated = answering.answer(Animate(np.zeros((2, 2, 2, 3), np.uint8), pictures=False))
    assert isinstance(animated, Animated)
    assert (animated.pictures, animated.stage_ms) == (None, [])
