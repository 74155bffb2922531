"""Progress and cancellation of a build."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

from fomm_rt.backends.tensorrt.library import TensorRT

Fraction = Callable[[float], None]
"""Called with the progress from 0 to 1, from any thread."""

T = TypeVar("T")


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class Phases:
    """Progress of TensorRT's nested phases, as one fraction that never falls."""

    def __init__(self) -> None:
        self._running: dict[str, _Phase] = {}
        self._reached = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Begins a phase within another one, or at the top level."""
        self._running[name] = _Phase(parent, max(steps, 1))

    def step(self, name: str, index: int) -> None:
        """Marks a step of a phase, counted from 0, as done."""
        if name in self._running:
            self._running[name].done = index + 1

    def finish(self, name: str) -> None:
        """Ends a phase."""
        self._running.pop(name, None)

    @property
    def fraction(self) -> float:
        """Progress of the top-level phases."""
        roots = [name for name, phase in self._running.items() if phase.parent not in self._running]
        now = sum(map(self._done, roots)) / len(roots) if roots else 0.0
        self._reached = max(self._reached, min(now, 1.0))
        return self._reached

    def _done(self, name: str) -> float:
        phase = self._running[name]
        inner = [self._done(child) for child, other in self._running.items() if other.parent == name]
        return min((phase.done + sum(inner)) / phase.steps, 1.0)


def monitor(library: TensorRT, report: Fraction, cancelled: Event) -> Any:
    """Creates a `trt.IProgressMonitor` that reports the progress of a build and stops it once it is cancelled.

    An exception in `report` also stops the build; the caller raises it from `failure`, as no exception may pass through
    TensorRT. Returns None with TensorRT 8.6, which has no monitors: its builds cannot be stopped.
    """
    trt = library.module
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)  # pybind11 requires the explicit call
            self._phases = Phases()
            self.failure: BaseException | None = None

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._phases.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._phases.step(phase_name, step)
            try:
                report(self._phases.fraction)
            except BaseException as error:
                self.failure = error
                cancelled.set()
            return not cancelled.is_set()

        def phase_finish(self, phase_name: str) -> None:
            self._phases.finish(phase_name)

    return Monitor()


def cancellable(work: Callable[[], T], cancelled: Event) -> T:
    """Runs a call of TensorRT in a thread, so Ctrl-C and signals are handled during the C++ call.

    An exception that interrupts the wait sets the event, which the work must watch, and is raised once the work ends.
    """
    with ThreadPoolExecutor(1, "fomm-rt-build") as pool:
        running = pool.submit(work)
        try:
            return running.result()
        except BaseException:
            cancelled.set()
            raise
