"""How long the stages of a run kept it busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class StageClock:
    """Adds up wall-clock time by stage; for one thread.

        clock = StageClock("networks", "drawing")
        with clock("networks"):
            ...

    Attributes:
        seconds: Stage -> how long it was busy.
    """

    def __init__(self, *stages: str) -> None:
        self.seconds = dict.fromkeys(stages, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Counts what happens inside for a stage."""
        start = perf_counter()
        yield
        self.add(stage, perf_counter() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Counts time that was measured elsewhere."""
        self.seconds[stage] += seconds
