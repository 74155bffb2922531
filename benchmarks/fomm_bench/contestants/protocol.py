"""What the benchmark asks of a contestant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import Requirement
from fomm_bench.results.run_result import device_type
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
"""Parts of a frame in the order they run. "generator" is warp and decoder in one, "networks" all that cannot be told
apart; "encoder" is only in a frame that does not cache the source."""


class UnavailableError(BenchmarkError):
    """A contestant cannot run here; it is skipped with this reason."""


class Contestant(Protocol):
    """One way of animating frames of the model's size, in a process of its own.

    Attributes:
        device: What it runs on, in words.
        stage_ms: Milliseconds of the last `animate` by the names of STAGES; empty where it cannot be told.
    """

    @property
    def device(self) -> str:
        """What it runs on, in words."""

    @property
    def stage_ms(self) -> dict[str, float]:
        """Milliseconds of the last `animate` by the names of STAGES; empty where that cannot be told."""

    def set_source(self, image: Image) -> None:
        """Sets the picture to animate, (S, S, 3) uint8; the next frame is the reference of relative motion."""

    def animate(self, frame: Image) -> Image:
        """(S, S, 3) uint8 -> the prediction, (S, S, 3) uint8 on the host."""

    def close(self) -> None:
        """Frees what it holds."""


@runtime_checkable
class BatchContestant(Contestant, Protocol):
    """A contestant that takes several frames at once, once `animate` has had the reference."""

    def animate_batch(self, frames: Image) -> Image:
        """(N, S, S, 3) uint8 -> predictions, (N, S, S, 3) uint8."""


@runtime_checkable
class StagedContestant(Contestant, Protocol):
    """A contestant that times its stages only where it is asked to, since that costs a frame a little."""

    def time_stages(self, frame: Image) -> dict[str, float]:
        """Animates (S, S, 3) uint8 once more; returns its milliseconds by the names of STAGES."""


@runtime_checkable
class BuildingContestant(Contestant, Protocol):
    """A contestant whose engines are built, once for a machine, before it can be opened anew in no time.

    Attributes:
        build_s: Seconds that `open` spent on building; None where it found engines built before.
    """

    @property
    def build_s(self) -> float | None:
        """Seconds that `open` spent on building; None where it found engines built before."""


@dataclass(frozen=True)
class Entry:
    """One contestant as the benchmark sees it. Nothing of it is imported before it is opened.

    Attributes:
        name: As given to --contestant.
        description: What it is, in a phrase.
        precision: "fp32", "fp16" or "int8".
        on_gpu: Whether it runs on a GPU.
        requirement: How closely its pictures have to agree with the reference.
        packages: Distributions whose versions matter.
        why_unavailable: Why it cannot run this model here, and what to install; None if it can.
        open: Opens it. Raises UnavailableError where only that can show that it cannot run.
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
    def device_type(self) -> str:
        """One of `results.DEVICE_TYPES`."""
        return device_type(self.on_gpu)
