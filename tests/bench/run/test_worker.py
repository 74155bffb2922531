"""Inside a worker: what libraries print stays off the wire, and what starts it needs NumPy alone."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

from fomm_bench.contestants import registry
from fomm_bench.contestants.protocol import Entry
from fomm_bench.run import wire, worker
from fomm_bench.run.worker_process import worker_command
from fomm_rt.image import Image

LOUD = """
import os, sys
from fomm_bench.run import worker
from fomm_bench.contestants.protocol import Entry
from fomm_bench.results.agreement import EXACT

class Loud:
    device = "none"
    stage_ms = {}
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


def test_prints_do_not_reach_the_wire() -> None:
    requests = bytearray()
    frames = np.full((1, 2, 2, 3), 5, np.uint8)
    model = {"folder": "m", "checkpoint": None, "stand_in_seed": None, "relative": True}
    wire.send(requests.extend, {"ask": "open", "model": model}, {"source": frames[0]})
    wire.send(requests.extend, {"ask": "animate", "pictures": True}, {"frames": frames})
    wire.send(requests.extend, {"ask": "close"})
    result = subprocess.run(
        [sys.executable, "-c", LOUD], input=bytes(requests), capture_output=True, timeout=60, check=True
    )
    read = io.BytesIO(result.stdout).read
    assert wire.receive(read).header["device"] == "none"
    np.testing.assert_array_equal(wire.receive(read).arrays["pictures"], 255 - frames)
    assert read() == b""
    for said in (b"a library prints", b"a C library prints", b"a program prints", b"closing"):
        assert said in result.stderr


def test_a_worker_ends_with_its_input() -> None:
    command = worker_command("pytorch", None)
    result = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_starting_one_imports_no_framework() -> None:
    frameworks = {"torch", "cv2", "typer", "onnxruntime"}
    script = f"import sys, fomm_bench.run.worker; print(sorted({frameworks} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def test_a_rival_may_fail_in_any_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def explode(_model: object) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    (entry,) = registry.choose(["openvino"])
    fields = {**entry.__dict__, "why_unavailable": lambda _model: None, "open": explode}
    monkeypatch.setattr(worker, "choose", lambda _names: [Entry(**fields)])
    model = {"folder": "m", "checkpoint": None, "stand_in_seed": None, "relative": True}
    message = wire.Message({"ask": "open", "model": model}, {"source": np.zeros((2, 2, 3), np.uint8)})
    assert worker.Worker("openvino").answer(message) == ({"error": "ZeroDivisionError: first line"}, {})
    assert "Traceback" in capsys.readouterr().err


class Built:
    """A contestant that spends a minute, by its own account, on building engines."""

    device, stage_ms = "none", dict[str, float]()
    build_s: float | None = 60.0

    def set_source(self, image: Image) -> None: ...
    def animate(self, frame: Image) -> Image:
        return frame

    def close(self) -> None: ...


def test_building_engines_is_told_apart_from_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = registry.choose(["openvino"])
    built = Entry(**{**entry.__dict__, "why_unavailable": lambda _model: None, "open": lambda _model: Built()})
    monkeypatch.setattr(worker, "choose", lambda _names: [built])
    model = {"folder": "m", "checkpoint": None, "stand_in_seed": None, "relative": True}
    message = wire.Message({"ask": "open", "model": model}, {"source": np.zeros((2, 2, 3), np.uint8)})
    header, _ = worker.Worker("openvino").answer(message)
    assert header["build_s"] == 60.0
    assert header["open_ms"] < 0  # of no time at all, less a minute


class Untimed(Built):
    """A contestant that times stages only when it is asked to."""

    build_s = None

    def __init__(self) -> None:
        self.timed: list[int] = []

    def time_stages(self, frame: Image) -> dict[str, float]:
        self.timed.append(int(frame.max()))
        return {"detector": 0.25}


def test_stages_that_cost_time_are_those_of_a_frame_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    contestant, answering = Untimed(), worker.Worker("openvino")
    monkeypatch.setattr(answering, "_contestant", contestant)
    frames = np.stack([np.full((2, 2, 3), i, np.uint8) for i in range(4)])
    header, arrays = answering.answer(wire.Message({"ask": "animate", "pictures": True}, {"frames": frames}))
    assert header["stage_ms"] == [{"detector": 0.25}]
    assert contestant.timed == [3]
    assert len(arrays["latency_ms"]) == len(arrays["pictures"]) == 4
