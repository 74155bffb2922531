"""How the time of a frame divides among its stages."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class StageClock(Protocol):
    """Started with a frame, marked at the end of every stage, read when the frame is done."""

    def start(self) -> None:
        """A frame begins."""

    def mark(self, stage: str) -> None:
        """A stage ends; one that is marked twice in a frame counts twice."""

    def read(self) -> dict[str, float]:
        """Milliseconds by stage since `start`."""


class HostClock:
    """For work that is done when a call returns."""

    def __init__(self) -> None:
        self._last = 0.0
        self._stages: dict[str, float] = {}

    def start(self) -> None:
        """See `StageClock.start`."""
        self._stages = {}
        self._last = perf_counter()

    def mark(self, stage: str) -> None:
        """See `StageClock.mark`."""
        now = perf_counter()
        self._stages[stage] = self._stages.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now

    def read(self) -> dict[str, float]:
        """See `StageClock.read`."""
        return self._stages


class CudaClock:
    """For work that is queued on PyTorch's current stream: CUDA events. Unexecuted: written without a GPU."""

    def __init__(self) -> None:
        self._events: list[tuple[str, torch.cuda.Event]] = []

    def start(self) -> None:
        """See `StageClock.start`."""
        self._events = []
        self.mark("")

    def mark(self, stage: str) -> None:
        """See `StageClock.mark`."""
        import torch

        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self._events.append((stage, event))

    def read(self) -> dict[str, float]:
        """See `StageClock.read`."""
        if not self._events:
            return {}
        self._events[-1][1].synchronize()
        stages: dict[str, float] = {}
        for (_, before), (stage, event) in zip(self._events, self._events[1:], strict=False):
            stages[stage] = stages.get(stage, 0.0) + before.elapsed_time(event)
        return stages
