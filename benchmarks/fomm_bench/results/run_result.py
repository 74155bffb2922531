"""The result of one run of the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, field

from fomm_bench.results.contestant_result import ContestantResult, DeviceType
from fomm_bench.results.environment import Environment
from fomm_bench.results.field_types import BatchSize, Bytes, Count, Label, Rate, Record
from fomm_bench.results.samples import Spread, speedup, spread_of

Cores = Annotated[float, Meta(ge=0, le=1 << 16)]

BUSY_SHARE = 0.1
"""Other processes are worth a note from this share of the contestants' cores."""


class MeasuredModel(Record):
    """The model that contestants ran.

    Attributes:
        identity: Distinguishes its weights from others.
        size: Side of a frame.
        mac_per_frame: Multiply-accumulates of the exported convolutions, source cached; None if not counted.
        weight_bytes: Float32 weights that a frame reads, source cached.
        tools: Tool -> version, of the export.
    """

    label: Label
    weights: str
    identity: str
    size: Annotated[int, Meta(ge=1, le=1 << 14)]
    mac_per_frame: Annotated[int, Meta(ge=1, le=1 << 60)] | None = None
    weight_bytes: Bytes | None = None
    tools: Mapping[Label, str | None] = field(default_factory=dict)


class FramesPerRound(Record):
    """Frames of a contestant's turn, by where it runs."""

    cpu: Count
    gpu: Count


class Settings(Record):
    """How much was measured."""

    rounds: Count
    frames_per_round: FramesPerRound
    batches: Annotated[list[BatchSize], Meta(max_length=256)]
    agreement_frames: Count


class DeviceCeiling(Record):
    """The best rates of a device: precision -> GMAC/s of a matrix product, GB/s read and written by a copy."""

    gmac_per_s: dict[Label, Rate]
    copy_gb_per_s: Rate


class Ceiling(Record):
    """The best rates of a machine, and the library that reached them."""

    library: Label
    cpu: DeviceCeiling | None = None
    cuda: DeviceCeiling | None = None


class RunResult(Record):
    """One run of the comparison.

    Attributes:
        date: When it started, ISO 8601.
        media: The source image and the driving clip.
        references: Device -> the contestant that others on this device are compared with.
        contestants: In the order they took part.
        ceiling: Attainable rates; None if not measured.
        busy_cores, batch_busy_cores: Cores that other processes kept busy, by round of frames and of batches; empty
            if unknown.
    """

    command: list[str]
    date: Label
    environment: Environment
    model: MeasuredModel
    media: Label
    settings: Settings
    references: dict[DeviceType, Label]
    contestants: Annotated[list[ContestantResult], Meta(max_length=100)]
    ceiling: Ceiling | None = None
    busy_cores: list[Cores] = field(default_factory=list)
    batch_busy_cores: list[Cores] = field(default_factory=list)

    @property
    def measured(self) -> list[ContestantResult]:
        """The contestants with a speed."""
        return [contestant for contestant in self.contestants if contestant.state == "measured"]

    def by_speed(self) -> list[ContestantResult]:
        """The contestants with a speed, slowest first: the fastest ends up last, nearest to the prompt."""
        return sorted(self.measured, key=lambda c: -(c.latency.p50 if c.latency else 0.0))

    def reference_of(self, contestant: ContestantResult) -> ContestantResult | None:
        """The reference of a contestant's device; a reference is its own."""
        name = self.references.get(contestant.device_type)
        return next((other for other in self.contestants if other.name == name), None)

    def is_reference(self, contestant: ContestantResult) -> bool:
        """True for the reference of a device."""
        return self.references.get(contestant.device_type) == contestant.name

    def speedup(self, contestant: ContestantResult) -> Spread | None:
        """Ratio to the reference of the device, within each round; None if either has no speed."""
        reference = self.reference_of(contestant)
        return None if reference is None else speedup(contestant.rounds_ms, reference.rounds_ms)

    def ceiling_of(self, device: DeviceType) -> DeviceCeiling | None:
        """The ceiling of a device; None if not measured."""
        return None if self.ceiling is None else self.ceiling.cuda if device == "cuda" else self.ceiling.cpu

    def utilisation(self, contestant: ContestantResult) -> float | None:
        """Multiply-accumulates of a median frame as a share of the ceiling in the contestant's precision.

        None if either was not measured. Contestants in int8 or half precision run some layers in float32, so this
        share understates them.
        """
        latency, macs = contestant.latency, self.model.mac_per_frame
        ceiling = self.ceiling_of(contestant.device_type)
        rate = None if ceiling is None else ceiling.gmac_per_s.get(contestant.precision)
        return macs / (latency.p50 * 1e-3) / (rate * 1e9) if latency and macs and rate else None

    def others_load(self, *, of_batches: bool = False) -> Spread | None:
        """Cores that other processes took from the contestants, over the rounds; None if few, or unknown."""
        threads, cores = self.environment.threads, self.environment.cores_of_machine
        busy = self.batch_busy_cores if of_batches else self.busy_cores
        if not busy or threads is None or cores is None:
            return None
        spread = spread_of(busy)
        return spread if spread.median - (cores - threads) >= BUSY_SHARE * threads else None

    def balance(self, device: DeviceType) -> float | None:
        """Float32 multiply-accumulates that a device does while it copies one byte; None if not measured."""
        ceiling = self.ceiling_of(device)
        rate = None if ceiling is None else ceiling.gmac_per_s.get("fp32")
        return rate / ceiling.copy_gb_per_s if ceiling and rate else None
