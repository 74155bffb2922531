"""Load of other processes: all CPU time minus that of this process and its descendants."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from fomm_bench.machine import load as machine_load
from fomm_bench.machine.load import OtherLoad

OWN = os.getpid()


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake /proc for psutil, with 100 ticks per second."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    monkeypatch.setattr(psutil._pslinux, "CLOCK_TICKS", 100)
    return tmp_path


def write(proc: Path, busy_s: float, processes: dict[int, tuple[int, float]]) -> None:
    """Writes the busy seconds of all cores, a third of them in the kernel, and parent and seconds of processes."""
    user, system, guest = round(busy_s * 200 / 3), round(busy_s * 100 / 3), 7777
    total = f"cpu  {user + guest} 0 {system} 99999 5555 0 0 0 {guest} 0"
    (proc / "stat").write_text(f"{total}\ncpu0 1 2 3\nbtime 1\n", encoding="ascii")
    for pid, (parent, seconds) in processes.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        own, ended_children = (str(round(seconds * 50)),) * 2
        fields = ["S", str(parent), *["0"] * 9, own, "0", ended_children, "0", *["0"] * 4, "1", *["0"] * 30]
        (proc / str(pid) / "stat").write_text(f"{pid} (a) name) {' '.join(fields)}\n", encoding="ascii")


def measured(monkeypatch: pytest.MonkeyPatch, load: OtherLoad, proc: Path, *moments: tuple[float, float]) -> object:
    """The load of ten seconds, from the seconds of all and of a grandchild of this process at both moments."""
    clock = iter((100.0, 110.0))
    monkeypatch.setattr(machine_load, "perf_counter", lambda: next(clock))
    found = None
    for call, (all_s, own_s) in zip((load.start, load.stop), moments, strict=True):
        write(proc, all_s, {7: (1, all_s), OWN: (1, 0.0), 20_000_001: (OWN, 0.0), 20_000_002: (20_000_001, own_s)})
        found = call()
    return found


def test_subtracts_own_processes(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, OtherLoad(), proc, (600.0, 30.0), (618.0, 45.0)) == pytest.approx(0.3, abs=0.01)


def test_rounding_does_not_fall_below_zero(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, OtherLoad(), proc, (600.0, 30.0), (615.0, 45.1)) == 0.0


def test_unknown_without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    load = OtherLoad()
    load.start()
    assert load.stop() is None


def test_unknown_without_a_start() -> None:
    assert OtherLoad().stop() is None


def test_this_machine() -> None:
    load = OtherLoad()
    load.start()
    sum(range(1_000_000))
    found = load.stop()
    assert found is not None
    assert 0 <= found <= (os.cpu_count() or 1) + 0.5
