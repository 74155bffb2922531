"""The judge finds each kind of fault and nothing else."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from fuzz.judge import MEMORY_BYTES, Ended, judge

NOTHING = re.compile("(?!)")
REFUSED = "error: a.png is cut off; copy it again.\n"


@pytest.mark.parametrize("status", [0, 1])
def test_a_result_or_a_refusal_is_right(tmp_path: Path, status: int) -> None:
    if status == 0:
        (tmp_path / "r.mp4").write_bytes(b"result")
    assert judge(Ended(status, REFUSED, 10), tmp_path, NOTHING) is None


@pytest.mark.parametrize(
    ("ended", "fault"),
    [
        (Ended(1, "Traceback (most recent call last):\nKeyError", 0), "traceback"),
        (Ended(0, "Traceback (most recent call last):\nKeyError", 0), "traceback"),
        (Ended(1, "error: this is a defect in fomm-rt 0.1.0: KeyError", 0), "traceback"),
        (Ended(1, "error: there is not enough memory; use a smaller picture", 0), "unexplained"),
        (Ended(1, "error: Invalid argument; check the path, its permissions and the disk", 0), "unexplained"),
        (Ended(-signal.SIGSEGV, "", 0), "signal"),
        (Ended(-signal.SIGXCPU, "", 0), "hang"),
        (Ended(-signal.SIGKILL, "", 0, over_time=True), "hang"),
        (Ended(-signal.SIGKILL, "", 0, over_memory=True), "memory"),
        (Ended(0, "", MEMORY_BYTES + 1), "memory"),
        (Ended(2, "no such option", 0), "exit code"),
    ],
)
def test_finds_how_a_run_ended(tmp_path: Path, ended: Ended, fault: str) -> None:
    found = judge(ended, tmp_path, NOTHING)
    assert found is not None
    assert found[0] == fault


@pytest.mark.parametrize(("name", "status"), [("r.mp4", 1), (".fomm-rt-1/new/r.mp4", 1), (".fomm-rt-1/lock", 0)])
def test_finds_what_is_left(tmp_path: Path, name: str, status: int) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"part")
    found = judge(Ended(status, REFUSED, 0), tmp_path, NOTHING)
    assert found is not None
    assert found[0] == "partial output"
    assert judge(Ended(status, REFUSED, 0), tmp_path, re.compile(r"(r\.mp4|\.fomm-rt-.*)")) is None


def test_finds_an_empty_result(tmp_path: Path) -> None:
    (tmp_path / "r.mp4").touch()
    found = judge(Ended(0, "", 0), tmp_path, NOTHING)
    assert found == ("partial output", "r.mp4 is empty although the run succeeded")
