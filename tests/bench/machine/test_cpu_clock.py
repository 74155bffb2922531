"""CPU time by part, with fake clocks."""

from __future__ import annotations

import pytest

from fomm_bench.machine import cpu_clock
from fomm_bench.machine.cpu_clock import CpuClock


class Times:
    """CPU seconds of all threads and of this one."""

    def __init__(self) -> None:
        self.process = self.thread = 0.0

    def pass_(self, own: float, others: float = 0.0) -> None:
        self.thread += own
        self.process += own + others


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    found = Times()
    monkeypatch.setattr(cpu_clock, "process_time", lambda: found.process)
    monkeypatch.setattr(cpu_clock, "thread_time", lambda: found.thread)
    monkeypatch.setattr(cpu_clock, "sleep", lambda _seconds: None)
    return found


def test_parts_within_parts(times: Times) -> None:
    clock = CpuClock("decode", "to RGB", "networks")
    with clock("decode"):
        times.pass_(1.0, others=2.0)
        with clock.within("to RGB"):
            times.pass_(0.5, others=4.0)  # the decoder's threads keep working
        with clock.within("networks", threads=True):
            times.pass_(0.25, others=0.75)
    assert clock.seconds == {"decode": 7.0, "to RGB": 0.5, "networks": 1.0}


def test_counts_nothing_outside_a_part(times: Times) -> None:
    clock = CpuClock("to RGB")
    with clock.within("to RGB"):
        times.pass_(1.0)
    assert clock.seconds == {"to RGB": 0.0}


def test_a_part_ends_when_its_threads_rest(times: Times, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [1.0, 1.0, 0.0, 1.0]
    monkeypatch.setattr(cpu_clock, "sleep", lambda _seconds: times.pass_(0.0, left.pop(0)))
    clock = CpuClock("encode")
    with clock("encode"):
        times.pass_(3.0)
    assert clock.seconds == {"encode": 5.0}
    assert left == [1.0]


class Writer:
    def write(self, n: int) -> int:
        return n + 1


class Inheriting(Writer):
    pass


@pytest.mark.parametrize("owner", [Writer, Inheriting])
def test_wraps_a_method_for_the_block_only(times: Times, owner: type[Writer], monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_self: Writer, n: int) -> int:
        times.pass_(float(n))
        return n + 1

    monkeypatch.setattr(Writer, "write", write)
    before, clock = dict(vars(owner)), CpuClock("encode", "to YUV")
    with clock.wrapping(owner, "write", "to YUV"), clock("encode"):
        assert owner().write(2) == 3
    owner().write(5)
    assert clock.seconds == {"encode": 0.0, "to YUV": 2.0}
    assert dict(vars(owner)) == before
