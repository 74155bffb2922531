"""Wall-clock time by stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class StageClock:
    """Adds up wall-clock time by stage; for one thread.

        clock = StageClock("networks", "drawing")
        with clock("networks"):
            ...

    The given stages count from 0; others appear once they have run. Times are in `seconds`, by stage.
    """

    def __init__(self, *stages: str) -> None:
        self.seconds = dict.fromkeys(stages, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Adds the time spent inside to a stage."""
        start = perf_counter()
        yield
        self.add(stage, perf_counter() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Adds time measured elsewhere."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def milliseconds(self) -> dict[str, float]:
        """Stage -> total time in milliseconds."""
        return {stage: 1e3 * seconds for stage, seconds in self.seconds.items()}
