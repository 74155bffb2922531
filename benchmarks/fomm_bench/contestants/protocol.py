"""The interface of a contestant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import Requirement
from fomm_bench.results.contestant_result import DEVICE_TYPES, DeviceType
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

STAGES = (
    "upload",
    "detector",
    "geometry",
    "encoder",
    "dense_motion",
    "warp",
    "decoder",
    "generator",
    "networks",
    "download",
)
"""Stages of a frame in the order they run.

"encoder" runs only without a cached source; "generator" is warp and decoder together; "networks" is everything that
cannot be timed apart.
"""


class UnavailableError(BenchmarkError):
    """A contestant cannot run here and is skipped; the message says why."""


class Contestant(Protocol):
    """One way to animate frames of the model's size, in a process of its own.

    Attributes:
        device: Name of the device and of the library that runs on it.
        takes_batches: True if `animate_batch` works.
        build_s: Seconds that opening spent on building engines; None if it needs none or found them built.
    """

    device: str
    takes_batches: bool = False
    build_s: float | None = None

    @property
    def stage_ms(self) -> dict[str, float]:
        """Stage -> milliseconds of the last `animate`; empty if it cannot time stages."""
        return {}

    def time_stages(self, frame: Image) -> dict[str, float]:  # noqa: ARG002
        """Like `stage_ms`, for one more `animate` of the frame; timing slows that down a little."""
        return {}

    def set_source(self, image: Image) -> None:
        """Sets the source image, (S, S, 3) uint8; the next frame is the reference of relative motion."""

    def animate(self, frame: Image) -> Image:
        """(S, S, 3) uint8 -> prediction on the host, (S, S, 3) uint8."""

    def animate_batch(self, frames: Image) -> Image:  # noqa: ARG002
        """(N, S, S, 3) uint8 -> predictions, (N, S, S, 3) uint8; after `animate` has had the reference."""
        raise UnavailableError("it takes one frame at a time")

    def close(self) -> None:
        """Frees all resources."""
        return


@dataclass(frozen=True)
class Entry:
    """A contestant in the registry. Nothing is imported before it is opened.

    Attributes:
        precision: "fp32", "tf32", "fp16" or "int8".
        requirement: How closely its predictions must agree with the reference.
        packages: Distributions whose versions matter.
        why_unavailable: Returns why it cannot run the model here and what to install, or None if it can.
        open: Opens it. Raises UnavailableError if opening shows that it cannot run.
    """

    name: str
    description: str
    precision: str
    on_gpu: bool
    requirement: Requirement
    packages: tuple[str, ...]
    why_unavailable: Callable[[ModelSpec], str | None]
    open: Callable[[ModelSpec], Contestant]

    @property
    def device_type(self) -> DeviceType:
        """Where it runs: "cpu" or "cuda"."""
        return DEVICE_TYPES[self.on_gpu]
