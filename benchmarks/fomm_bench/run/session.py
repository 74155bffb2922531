"""A contestant while it takes part: opened, asked for frames, closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.run import wire
from fomm_bench.run.worker_process import WorkerProcess
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image


@dataclass(frozen=True)
class Opened:
    """What a contestant says of itself once it is open.

    Attributes:
        device: What it runs on, in words.
        batches: Whether it takes several frames at once.
        python: Version of its Python.
        versions: Of the packages that matter to it.
        open_ms: Imports, loading and compiling; without `build_s`.
        build_s: Seconds it spent on building engines; None for one without, or where they had been built before.
    """

    device: str
    batches: bool
    python: str
    versions: dict[str, str]
    open_ms: float
    build_s: float | None = None


@dataclass(frozen=True, eq=False)
class Animated:
    """Frames that were animated.

    Attributes:
        pictures: (N, S, S, 3) uint8; None where they were not asked for.
        latency_ms: Of each frame, or of the batch.
        stage_ms: Of each frame; of one more after them from a contestant that times its stages only when asked to;
            none from one that cannot tell them apart.
    """

    pictures: Image | None
    latency_ms: list[float]
    stage_ms: list[dict[str, float]]


class Session(Protocol):
    """One contestant. Every call but `close` raises BenchmarkError when it goes wrong, after which only that is left.

    `open` raises UnavailableError where the contestant cannot run here.
    """

    def open(self, model: ModelSpec, source: Image) -> Opened:
        """Starts it with a model and a source (S, S, 3) uint8."""

    def first_frame(self, frame: Image) -> float:
        """Animates the first frame, the reference of relative motion; returns the milliseconds since its start.

        Those spent on building engines are left out.
        """

    def animate(self, frames: Image, pictures: bool) -> Animated:
        """Animates (N, S, S, 3) uint8 frames one after another."""

    def animate_batch(self, frames: Image) -> Animated:
        """Animates (N, S, S, 3) uint8 frames at once."""

    def memory(self) -> tuple[int | None, int | None]:
        """Bytes on the host at their peak, bytes on the device."""

    def close(self) -> None:
        """Ends it; calling it twice is harmless."""


class WorkerSession:
    """A contestant in a process of its own.

    Args:
        name: Of the contestant.
        command, environment, timeout_s: See `WorkerProcess`.
    """

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], timeout_s: float) -> None:
        self._name = name
        self._start = perf_counter()
        self._build_s = 0.0
        self._worker = WorkerProcess(name, command, environment, timeout_s)

    def open(self, model: ModelSpec, source: Image) -> Opened:
        """See `Session.open`."""
        opened = Opened(**self._ask("open", {"model": model.as_json()}, {"source": source}).header)
        self._build_s = opened.build_s or 0.0
        return opened

    def first_frame(self, frame: Image) -> float:
        """See `Session.first_frame`."""
        self.animate(frame[None], pictures=True)
        return (perf_counter() - self._start - self._build_s) * 1e3

    def animate(self, frames: Image, pictures: bool) -> Animated:
        """See `Session.animate`."""
        answer = self._ask("animate", {"pictures": pictures}, {"frames": frames})
        return Animated(answer.arrays.get("pictures"), _floats(answer), answer.header["stage_ms"])

    def animate_batch(self, frames: Image) -> Animated:
        """See `Session.animate_batch`."""
        answer = self._ask("animate_batch", {}, {"frames": frames})
        return Animated(answer.arrays["pictures"], _floats(answer), [])

    def memory(self) -> tuple[int | None, int | None]:
        """See `Session.memory`."""
        header = self._ask("memory").header
        return header["host_bytes"], header["device_bytes"]

    def ceiling(self, threads: int) -> dict[str, Any]:
        """What the machine can do at most, see `ceiling.measure_ceiling`; needs no open contestant."""
        return self._ask("ceiling", {"threads": threads}).header

    def close(self) -> None:
        """See `Session.close`."""
        self._worker.close()

    def _ask(
        self, ask: str, header: Mapping[str, Any] | None = None, arrays: wire.Arrays | None = None
    ) -> wire.Message:
        answer = self._worker.ask(ask, header, arrays)
        if "unavailable" in answer.header:
            raise UnavailableError(answer.header["unavailable"])
        if "error" in answer.header:
            raise BenchmarkError(f"{self._name} went wrong: {answer.header['error']}")
        return answer


def _floats(answer: wire.Message) -> list[float]:
    latency: NDArray[np.float64] = answer.arrays["latency_ms"]
    return [float(value) for value in latency]
