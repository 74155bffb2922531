"""An animated frame with the time that each stage took."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

from fomm_rt.backends.protocol import StageTimes

Prediction = TypeVar("Prediction")


@dataclass(frozen=True, eq=False)
class TimedFrame(Generic[Prediction]):
    """One animated frame and the time that each stage of it took.

    Attributes:
        prediction: (size, size, 3) uint8 RGB: the array that `animate` returns.
        stage_ms: A name of `fomm_rt.backends.protocol.STAGES` -> milliseconds; read-only. Stages that the frame did not
            need, or that the backend cannot tell apart, are missing.
    """

    prediction: Prediction
    stage_ms: StageTimes

    def __post_init__(self) -> None:
        object.__setattr__(self, "stage_ms", MappingProxyType(self.stage_ms))
