"""The model of a contestant, as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass

STAND_IN_SEED = re.compile(r"seed (\d+)$")
"""The seed of stand-in weights, at the end of the manifest's `weights.file`."""


@dataclass(frozen=True)
class ModelSpec:
    """A model folder, the weights of its PyTorch networks, and how to run it. All fields are JSON values.

    Attributes:
        folder: Path of the model folder.
        checkpoint: Path of the checkpoint that the folder was exported from; may be stand-in weights. None without one.
        stand_in_seed: Seed of stand-in weights; None for other weights.
        relative: True for motion relative to the first frame, without scale; False for absolute motion.
        threads: CPU threads within a network; None for the contestant's default.
    """

    folder: str
    checkpoint: str | None
    stand_in_seed: int | None
    relative: bool = True
    threads: int | None = None

    @property
    def has_networks(self) -> bool:
        """True if the PyTorch networks can be built."""
        return self.checkpoint is not None or self.stand_in_seed is not None
