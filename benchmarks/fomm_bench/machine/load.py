"""How busy other processes keep the machine meanwhile: the load average would count the benchmark's own, too."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, Protocol

PROC = Path("/proc")
WAITING_FIELDS = (3, 4)
"""Of the numbers after "cpu" in /proc/stat: idle, and waiting for a disk."""
GUEST_FIELDS = 8
"""From here on they are counted in earlier ones already."""


class OtherLoad(Protocol):
    """Tells how much other processes computed between two moments."""

    def start(self) -> None:
        """The first moment."""

    def stop(self) -> float | None:
        """The second; returns the mean number of cores that others kept busy, None where that cannot be told."""


class _Moment(NamedTuple):
    wall_s: float
    busy_s: float
    own_s: float


class LinuxLoad:
    """By /proc: all cores' busy time less that of this process and of all that it started."""

    def __init__(self) -> None:
        self._first: _Moment | None = None

    def start(self) -> None:
        """See `OtherLoad.start`."""
        self._first = _now()

    def stop(self) -> float | None:
        """See `OtherLoad.stop`."""
        first, last = self._first, _now()
        if first is None or last is None or last.wall_s <= first.wall_s:
            return None
        others_s = (last.busy_s - first.busy_s) - (last.own_s - first.own_s)
        # The kernel counts in hundredths of a second, so that nothing may look like less than nothing.
        return round(max(0.0, others_s / (last.wall_s - first.wall_s)), 3)


def _now() -> _Moment | None:
    try:
        name, *numbers = (PROC / "stat").read_text(encoding="ascii").splitlines()[0].split()
        tick = os.sysconf("SC_CLK_TCK")
        ticks = [int(n) for i, n in enumerate(numbers[:GUEST_FIELDS]) if i not in WAITING_FIELDS]
        return _Moment(perf_counter(), sum(ticks) / tick, _own_seconds(tick)) if name == "cpu" else None
    except (OSError, ValueError, IndexError):
        return None  # not Linux


def _own_seconds(tick: int) -> float:
    """CPU time of this process, of those it started that live, and of those that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for path in PROC.glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything; what follows are a state, the parent and numbers.
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(path.parent.name)
        parents[pid] = int(fields[1])
        seconds[pid] = sum(map(int, fields[11:15])) / tick  # its own and that of its ended children
    own = os.getpid()
    return (
        process_time() + ended.ru_utime + ended.ru_stime + sum(seconds[p] for p in parents if _is_of(p, own, parents))
    )


def _is_of(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    """Whether a process was started by another, directly or not; none is by itself."""
    while (pid := parents.get(pid, 0)) > 1:
        if pid == ancestor:
            return True
    return False
