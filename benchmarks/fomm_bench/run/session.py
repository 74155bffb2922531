"""A contestant while it takes part: opened, asked for frames, closed."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TypeVar

from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.run_result import Ceiling
from fomm_bench.run import messages
from fomm_bench.run.worker_process import WorkerDiedError, WorkerProcess
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

_Answer = TypeVar("_Answer", messages.Opened, messages.Animated, messages.Memory, messages.CeilingMeasured)


class Session:
    """A contestant in a process of its own.

    Every call but `close` may raise BenchmarkError, after which only `close` is allowed; `open` raises
    UnavailableError if the contestant cannot run here. The arguments are those of `WorkerProcess`.
    """

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], timeout_s: float) -> None:
        self._name = name
        self._start = perf_counter()
        self._build_s = 0.0
        self._worker = WorkerProcess(name, command, environment, timeout_s)

    def open(self, model: ModelSpec, source: Image) -> messages.Opened:
        """Opens the contestant with a model and a source image, (S, S, 3) uint8."""
        opened = self._ask(messages.Open(model, source), messages.Opened)
        self._build_s = opened.build_s or 0.0
        return opened

    def first_frame(self, frame: Image) -> float:
        """Animates the reference of relative motion; returns milliseconds since the start, less building engines."""
        self.animate(frame[None], pictures=True)
        return (perf_counter() - self._start - self._build_s) * 1e3

    def animate(self, frames: Image, pictures: bool) -> messages.Animated:
        """Animates (N, S, S, 3) uint8 frames one after another."""
        return self._ask(messages.Animate(frames, pictures), messages.Animated)

    def animate_batch(self, frames: Image) -> messages.Animated:
        """Animates (N, S, S, 3) uint8 frames at once."""
        return self._ask(messages.Animate(frames, at_once=True), messages.Animated)

    def memory(self) -> messages.Memory:
        """Reads the memory of the process."""
        return self._ask(messages.ReadMemory(), messages.Memory)

    def ceiling(self, threads: int) -> Ceiling:
        """Measures the machine's ceiling, which needs no open contestant."""
        return self._ask(messages.MeasureCeiling(threads), messages.CeilingMeasured).ceiling

    def close(self) -> None:
        """Ends the process; further calls do nothing."""
        self._worker.close()

    def _ask(self, request: messages.Request, expected: type[_Answer]) -> _Answer:
        answer = self._worker.ask(request)
        if isinstance(answer, messages.Failed):
            if answer.unavailable:
                raise UnavailableError(answer.reason)
            raise BenchmarkError(f"{self._name} failed: {answer.reason}")
        if not isinstance(answer, expected):
            raise WorkerDiedError(f"{self._name}: expected {expected.__name__}; got {type(answer).__name__}")
        return answer
