"""A run is watched in a process of its own, and cases follow from their seeds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.case import Case, prepare
from fuzz.format import Format
from fuzz.formats import FORMATS

# Runs that behave badly, in a process without threads, which can be forked.
BEHAVIOURS = """
import json, os, re, sys, time
from pathlib import Path
from random import Random
from fuzz import worker
from fuzz.format import Format
from fuzz.judge import judge

worker.MEMORY_BYTES, worker.CPU_S, worker.WALL_S = 300_000_000, 1, 3

def succeed(_): Path("out/r.mp4").write_text("whole"); return 0
def refuse(_): print("error: it is cut"); return 1
def fail(_): raise KeyError("name")
def crash(_): os.abort()
def compute(_):
    while True: pass
def sleep(_): time.sleep(60)
def fill(_):
    kept = []
    while True: kept.append(bytearray(1 << 20))
def leave(_): Path("out/r.mp4").write_text("half"); return 1

found = {}
for run in (succeed, refuse, fail, crash, compute, sleep, fill, leave):
    folder = Path(sys.argv[1]) / run.__name__
    (folder / "out").mkdir(parents=True)
    described = Format("fake", lambda _: None, run, re.compile("x"))
    fault = judge(worker.run_forked(described, Random(1), folder), folder / "out", described.may_stay)
    found[run.__name__] = fault and fault[0]
print(json.dumps(found))
"""


def run_python(*arguments: object) -> str:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_each_bad_behaviour_is_found(tmp_path: Path) -> None:
    assert json.loads(run_python("-c", BEHAVIOURS, tmp_path)) == {
        "succeed": None,
        "refuse": None,
        "fail": "traceback",
        "crash": "signal",
        "compute": "hang",
        "sleep": "hang",
        "fill": "memory",
        "leave": "partial output",
    }


def test_an_input_follows_from_its_case(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "samples" / "fake" / str(number)).mkdir(parents=True)
        (tmp_path / "samples" / "fake" / str(number) / "input.bin").write_bytes(bytes([number]) * 500)
        (tmp_path / "samples" / "fake" / str(number) / "other.txt").write_text("stays")
    described = Format("fake", lambda _: None, lambda _: 0, re.compile(r"input\.bin"))

    def content(seed: str, copy: int) -> bytes:
        folder = tmp_path / f"{seed.replace('/', '-')}.{copy}"
        prepare(Case("fake", seed), described, tmp_path / "samples", folder)
        assert (folder / "other.txt").read_text() == "stays"
        return (folder / "input.bin").read_bytes()

    seeds = [f"1/{number}" for number in range(20)]
    assert [content(seed, 1) for seed in seeds] == [content(seed, 2) for seed in seeds]
    assert len({content(seed, 3) for seed in seeds}) > 10
    for number in range(3):
        assert (tmp_path / "samples" / "fake" / str(number) / "input.bin").read_bytes() == bytes([number]) * 500


def test_every_kind_of_input_has_a_format() -> None:
    kinds = {name.partition("/")[0] for name in FORMATS}
    assert kinds == {
        *("picture", "video", "sound", "motion", "model", "checkpoint", "configuration", "training-state"),
        *("engines", "fetch"),
    }


def test_runs_from_the_command_line() -> None:
    printed = run_python("-m", "fuzz", "--runs", "8", "--format", "engines", "--format", "fetch/record")
    assert "8 runs in" in printed
    assert printed.splitlines()[-1] == "faults: none"
