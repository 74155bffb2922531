"""The plan of a run: rounds, frames and batches, the images, and the order of turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fomm_rt.image import Image

Progress = Callable[[str, int, "int | None"], None]
"""Called with the name of a step, the amount done, and the total (None if unknown)."""

AGREEMENT_FRAMES = 6


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, frames of a turn by where the contestant runs, and batch sizes, if any."""

    rounds: int
    cpu_frames: int
    gpu_frames: int
    batches: tuple[int, ...]

    def frames(self, on_gpu: bool) -> int:
        """Frames of a contestant's turn."""
        return self.gpu_frames if on_gpu else self.cpu_frames


@dataclass(frozen=True, eq=False)
class Pictures:
    """The images of a run: source (S, S, 3) uint8 and frames (N, S, S, 3) uint8, the first the reference of motion."""

    source: Image
    frames: Image

    @property
    def checked(self) -> Image:
        """The frames whose predictions are compared: the first, the last, and others evenly between."""
        last = len(self.frames) - 1
        chosen: Image = self.frames[np.unique(np.linspace(0, last, AGREEMENT_FRAMES).round().astype(int))]
        return chosen

    def turn(self, number: int, count: int) -> Image:
        """The `count` frames of a turn. They follow those of the turn before and wrap around."""
        chosen: Image = self.frames[np.arange(number * count, (number + 1) * count) % len(self.frames)]
        return chosen

    def batch(self, size: int) -> Image:
        """A batch of the checked frames, which wrap around."""
        chosen: Image = self.checked.take(range(size), axis=0, mode="wrap")
        return chosen


def turn_order(names: Sequence[str], number: int) -> list[str]:
    """The order of a round: random, but reproducible, which gives everyone changing predecessors."""
    order = np.random.default_rng(number).permutation(len(names))
    return [names[index] for index in order]
