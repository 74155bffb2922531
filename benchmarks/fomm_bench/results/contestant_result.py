"""The result of one contestant."""

from __future__ import annotations

from statistics import median
from typing import Literal, get_args

from msgspec import field

from fomm_bench.results.agreement import Agreement
from fomm_bench.results.field_types import BatchSize, Bytes, Duration, Label, Milliseconds, Record
from fomm_bench.results.samples import Latency, Spread, latency_of, spread_of, stage_medians

State = Literal["measured", "disagrees", "skipped", "failed"]
DeviceType = Literal["cpu", "cuda"]
DEVICE_TYPES: tuple[DeviceType, ...] = get_args(DeviceType)


class ContestantResult(Record):
    """The measurements of a contestant.

    Attributes:
        state: "measured"; "disagrees": its predictions differ from the reference's; "skipped": it cannot run here;
            "failed": it ended, hung or raised an error. Only "measured" has a speed.
        reason: Reason for a state other than "measured".
        versions: Distribution -> version, of the packages that matter to it.
        open_ms: Time to import, load and compile, without `build_s`.
        first_frame_ms: Time from the start of its process to the first prediction, without `build_s`.
        build_s: Seconds spent on building engines; None if it needs none or found them built.
        rounds_ms: Milliseconds of every frame, by round.
        stages_ms: Stage -> milliseconds, of every frame or of one frame per round; empty if it cannot time stages.
        batches_ms: Batch size -> milliseconds of every call, by round.
        batch_problem: Why it has no `batches_ms`, if it takes batches.
        host_bytes: Peak resident set of its process.
        device_bytes: GPU memory of its process after the rounds.
    """

    name: Label
    description: Label
    precision: Label
    on_gpu: bool
    state: State = "measured"
    reason: str | None = None
    device: str | None = None
    python: str | None = None
    versions: dict[Label, str] = field(default_factory=dict)
    agreement: Agreement | None = None
    open_ms: Milliseconds | None = None
    first_frame_ms: Milliseconds | None = None
    build_s: Duration | None = None
    rounds_ms: list[list[Milliseconds]] = field(default_factory=list)
    stages_ms: list[dict[Label, Duration]] = field(default_factory=list)
    batches_ms: dict[BatchSize, list[list[Milliseconds]]] = field(default_factory=dict)
    batch_problem: str | None = None
    host_bytes: Bytes | None = None
    device_bytes: Bytes | None = None

    @property
    def latency(self) -> Latency | None:
        """Latency over all rounds; None without a speed."""
        return latency_of(self.rounds_ms)

    @property
    def device_type(self) -> DeviceType:
        """Where it runs: "cpu" or "cuda"."""
        return DEVICE_TYPES[self.on_gpu]

    @property
    def throughput(self) -> dict[int, Spread]:
        """Batch size -> frames per second of the median call, over the rounds."""
        return {
            batch: spread_of([1e3 * batch / median(calls) for calls in rounds if calls])
            for batch, rounds in sorted(self.batches_ms.items())
        }

    @property
    def stages(self) -> dict[str, float]:
        """Stage -> median milliseconds."""
        return stage_medians([frame for frame in self.stages_ms if frame])

    def give_up(self, state: State, reason: str) -> None:
        """Takes it out of the run and drops its times."""
        self.state, self.reason = state, reason
        self.rounds_ms, self.stages_ms, self.batches_ms = [], [], {}
        self.open_ms = self.first_frame_ms = self.build_s = None
