"""CPU load of other processes. The load average would include the benchmark's own processes."""

from __future__ import annotations

from time import perf_counter
from typing import NamedTuple


class _Moment(NamedTuple):
    wall_s: float
    busy_s: float
    own_s: float


class OtherLoad:
    """Busy time of all cores between two moments, minus the CPU time of this process and its descendants."""

    def __init__(self) -> None:
        self._first: _Moment | None = None

    def start(self) -> None:
        """Marks the first moment."""
        self._first = _now()

    def stop(self) -> float | None:
        """Returns the mean number of cores that others kept busy since `start`; None if psutil is not installed."""
        first, last = self._first, _now()
        if first is None or last is None or last.wall_s <= first.wall_s:
            return None
        others_s = (last.busy_s - first.busy_s) - (last.own_s - first.own_s)
        # CPU times come in hundredths of a second, so the difference may fall below zero.
        return round(max(0.0, others_s / (last.wall_s - first.wall_s)), 3)


def busy_s() -> float:
    """Processor seconds of all processes since the machine was started. Needs psutil."""
    import psutil

    times = psutil.cpu_times()._asdict()
    # "guest" times are part of "user" and "nice".
    idle_s = sum(times.get(name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
    return float(sum(times.values()) - idle_s)


def _now() -> _Moment | None:
    try:
        import psutil
    except ImportError:
        return None
    busy = busy_s()
    own = psutil.Process()
    own_s = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            own_s += sum(process.cpu_times()[:4])  # user and system, of the process and of its ended children
        except psutil.NoSuchProcess:
            continue
    return _Moment(perf_counter(), busy, own_s)
