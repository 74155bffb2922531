"""What a contestant is told of the model it runs, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ModelSpec:
    """A model folder, and where the PyTorch networks it was exported from get their weights.

    Attributes:
        folder: The model folder.
        checkpoint: The file the folder was exported from, or one of stand-in weights drawn beforehand; None where
            there is none.
        stand_in_seed: What stand-in weights are drawn from; None for others.
        relative: Motion relative to the first frame, without scale; otherwise absolute.
        threads: CPU threads within a network, the same for every contestant; each one's own choice by default.
    """

    folder: str
    checkpoint: str | None
    stand_in_seed: int | None
    relative: bool = True
    threads: int | None = None

    @property
    def has_networks(self) -> bool:
        """Whether the PyTorch networks can be built."""
        return self.checkpoint is not None or self.stand_in_seed is not None

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ModelSpec:
        """The inverse of `as_json`."""
        return cls(**document)
