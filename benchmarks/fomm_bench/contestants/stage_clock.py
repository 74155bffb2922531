"""Clocks that divide the time of a frame among its stages."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter
from typing import Any

from typing_extensions import override


class StageClock:
    """Times work that is done when a call returns. Starts with a frame and is marked at the end of every stage."""

    def __init__(self) -> None:
        self._marks: list[tuple[str, Any]] = []

    def start(self) -> None:
        """Starts a frame."""
        self._marks = []
        self.mark("")

    def mark(self, stage: str) -> None:
        """Ends a stage; the times of a stage that ends twice in a frame add up."""
        self._marks.append((stage, self._now()))

    def read(self) -> dict[str, float]:
        """Stage -> milliseconds since `start`."""
        stages: dict[str, float] = {}
        for (_, before), (stage, after) in pairwise(self._marks):
            stages[stage] = stages.get(stage, 0.0) + self._elapsed_ms(before, after)
        return stages

    def _now(self) -> Any:
        return perf_counter()

    def _elapsed_ms(self, before: Any, after: Any) -> float:
        return float(after - before) * 1e3


class CudaClock(StageClock):
    """Times work on PyTorch's current stream by CUDA events."""

    @override
    def _now(self) -> Any:
        import torch

        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    @override
    def _elapsed_ms(self, before: Any, after: Any) -> float:
        after.synchronize()
        return float(before.elapsed_time(after))
