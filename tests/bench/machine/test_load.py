"""How busy others keep the machine: all that computed, less what this process and its children did."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fomm_bench.machine import load as machine_load
from fomm_bench.machine.load import LinuxLoad

OWN = os.getpid()


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine_load, "PROC", tmp_path)
    monkeypatch.setattr(machine_load, "process_time", lambda: 0.0)
    monkeypatch.setattr(os, "sysconf", lambda _name: 100)
    return tmp_path


def write(proc: Path, busy_s: float, processes: dict[int, tuple[int, float]]) -> None:
    """All cores' busy seconds, a third of them in the kernel; processes by number: parent and seconds."""
    user, system = round(busy_s * 200 / 3), round(busy_s * 100 / 3)
    (proc / "stat").write_text(f"cpu  {user} 0 {system} 99999 5555 0 0 0 7777 0\ncpu0 1 2 3\n", encoding="ascii")
    for pid, (parent, seconds) in processes.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        fields = ["S", str(parent), *["0"] * 9, str(round(seconds * 50)), str(round(seconds * 50)), "0", "0"]
        (proc / str(pid) / "stat").write_text(f"{pid} (a) name) {' '.join(fields)}\n", encoding="ascii")


def measured(monkeypatch: pytest.MonkeyPatch, load: LinuxLoad, proc: Path, *moments: tuple[float, float]) -> object:
    """Ten seconds in which all, and a grandchild of this process, computed from and to so many seconds."""
    clock = iter((100.0, 110.0))
    monkeypatch.setattr(machine_load, "perf_counter", lambda: next(clock))
    found = None
    for call, (all_s, own_s) in zip((load.start, load.stop), moments, strict=True):
        write(proc, all_s, {7: (1, all_s), 20: (OWN, 0.0), 21: (20, own_s)})
        found = call()
    return found


def test_what_others_did_is_told_apart(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, LinuxLoad(), proc, (600.0, 30.0), (618.0, 45.0)) == pytest.approx(0.3, abs=0.01)


def test_rounding_is_not_less_than_nothing(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, LinuxLoad(), proc, (600.0, 30.0), (615.0, 45.1)) == 0.0


def test_elsewhere_it_cannot_be_told(proc: Path) -> None:
    load = LinuxLoad()
    load.start()
    assert load.stop() is None
    (proc / "stat").write_text("intr 1 2 3\n", encoding="ascii")
    load.start()
    assert load.stop() is None


def test_this_machine() -> None:
    load = LinuxLoad()
    load.start()
    sum(range(1_000_000))
    found = load.stop()
    assert found is None or 0 <= found <= (os.cpu_count() or 1) + 0.5
