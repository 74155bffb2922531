"""Clocks that divide the time of a frame among its stages."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

if TYPE_CHECKING:
    import torch


class StageClock(Protocol):
    """Starts with a frame, is marked at the end of every stage, and is read after the frame."""

    def start(self) -> None:
        """Starts a frame."""

    def mark(self, stage: str) -> None:
        """Ends a stage; the times of a stage that ends twice in a frame add up."""

    def read(self) -> dict[str, float]:
        """Stage -> milliseconds since `start`."""


class HostClock(StageClock):
    """Times work that is done when a call returns."""

    def __init__(self) -> None:
        self._last = 0.0
        self._stages: dict[str, float] = {}

    @override
    def start(self) -> None:
        self._stages = {}
        self._last = perf_counter()

    @override
    def mark(self, stage: str) -> None:
        now = perf_counter()
        self._stages[stage] = self._stages.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now

    @override
    def read(self) -> dict[str, float]:
        return self._stages


class CudaClock(StageClock):
    """Times work on PyTorch's current stream by CUDA events."""

    def __init__(self) -> None:
        self._events: list[tuple[str, torch.cuda.Event]] = []

    @override
    def start(self) -> None:
        self._events = []
        self.mark("")

    @override
    def mark(self, stage: str) -> None:
        import torch

        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self._events.append((stage, event))

    @override
    def read(self) -> dict[str, float]:
        if not self._events:
            return {}
        self._events[-1][1].synchronize()
        stages: dict[str, float] = {}
        for (_, before), (stage, event) in zip(self._events, self._events[1:], strict=False):
            stages[stage] = stages.get(stage, 0.0) + before.elapsed_time(event)
        return stages
