"""What a comparison found: plain values that can be written to a file and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fomm_bench.agreement import Agreement
from fomm_bench.samples import Latency, Spread, latency_of, speedup, stage_medians

State = Literal["measured", "disagrees", "skipped", "failed"]


@dataclass
class ContestantResult:
    """One contestant.

    Attributes:
        name: Of the registry.
        description: What it is, in a phrase.
        precision: "fp32", "fp16" or "int8".
        on_gpu: Whether it runs on a GPU.
        state: "measured"; "disagrees": its pictures are not the reference's, no speed; "skipped": it cannot run
            here; "failed": it ended, hung or went wrong, no speed.
        reason: For a state other than "measured".
        device: What it ran on, in words.
        python: Version of the Python it ran in.
        versions: Of the packages that matter to it.
        agreement: With the reference.
        open_ms: Imports, loading and compiling.
        first_frame_ms: From starting its process to the first picture.
        rounds_ms: Milliseconds of every frame, by round.
        stages_ms: Of every frame in the order of `rounds_ms`, milliseconds by stage.
        batches_ms: Milliseconds of every call by batch size.
        batch_problem: Why it took no part in batches, if it has them.
        host_bytes: Peak resident set of its process.
        device_bytes: GPU memory of its process.
    """

    name: str
    description: str
    precision: str
    on_gpu: bool
    state: State = "measured"
    reason: str | None = None
    device: str | None = None
    python: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    agreement: Agreement | None = None
    open_ms: float | None = None
    first_frame_ms: float | None = None
    rounds_ms: list[list[float]] = field(default_factory=list)
    stages_ms: list[dict[str, float]] = field(default_factory=list)
    batches_ms: dict[int, list[float]] = field(default_factory=dict)
    batch_problem: str | None = None
    host_bytes: int | None = None
    device_bytes: int | None = None

    @property
    def latency(self) -> Latency | None:
        """Over all rounds; None where no speed is reported."""
        return latency_of(self.rounds_ms)

    @property
    def stages(self) -> dict[str, float]:
        """Median milliseconds by stage."""
        return stage_medians([frame for frame in self.stages_ms if frame])

    def give_up(self, state: State, reason: str) -> None:
        """Ends its part: no speed is reported."""
        self.state, self.reason = state, reason
        self.rounds_ms, self.stages_ms, self.batches_ms = [], [], {}
        self.open_ms = self.first_frame_ms = None

    def as_json(self) -> dict[str, Any]:
        """The fields, and what is made of them, as plain JSON values."""
        latency = self.latency
        return {
            **asdict(self),
            "agreement": None if self.agreement is None else self.agreement.as_json(),
            "latency_ms": None if latency is None else asdict(latency),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ContestantResult:
        """The inverse of `as_json`."""
        fields = {name: value for name, value in document.items() if name != "latency_ms"}
        agreement = fields["agreement"]
        fields["agreement"] = None if agreement is None else Agreement.from_json(agreement)
        fields["batches_ms"] = {int(batch): times for batch, times in fields["batches_ms"].items()}
        return cls(**fields)


@dataclass
class Results:
    """One run of the comparison.

    Attributes:
        command: The command line.
        date: When it started, ISO 8601.
        environment: See `environment.describe_environment`.
        model: "label", "weights", "size", "identity", and "mac_per_frame" of the exported graphs with the source
            cached, where it can be counted.
        media: What was animated.
        settings: "rounds", "frames_per_round" by device, "batches", "agreement_frames".
        reference: Name of the contestant that others are compared with.
        contestants: In the order they took part.
        ceiling: See `ceiling.measure_ceiling`; None where it was not measured.
    """

    command: list[str]
    date: str
    environment: dict[str, Any]
    model: dict[str, Any]
    media: str
    settings: dict[str, Any]
    reference: str | None = None
    contestants: list[ContestantResult] = field(default_factory=list)
    ceiling: dict[str, Any] | None = None

    @property
    def measured(self) -> list[ContestantResult]:
        """Those whose speed is reported."""
        return [contestant for contestant in self.contestants if contestant.state == "measured"]

    def speedup(self, contestant: ContestantResult) -> Spread | None:
        """Over the reference, within each round; None where either has no speed."""
        reference = next((c for c in self.contestants if c.name == self.reference), None)
        return None if reference is None else speedup(contestant.rounds_ms, reference.rounds_ms)

    def utilisation(self, contestant: ContestantResult) -> float | None:
        """Share of the ceiling that the exported graphs' multiply-accumulates in the median time of a frame come to."""
        latency, macs = contestant.latency, self.model.get("mac_per_frame")
        rates = ((self.ceiling or {}).get("cuda" if contestant.on_gpu else "cpu") or {}).get("gmac_per_s", {})
        ceiling = rates.get(contestant.precision, rates.get("fp32"))
        if latency is None or not macs or not ceiling:
            return None
        return float(macs / (latency.p50 * 1e-3) / (ceiling * 1e9))

    def as_json(self) -> dict[str, Any]:
        """The fields, and the ratios made of them, as plain JSON values."""
        contestants = []
        for contestant in self.contestants:
            ratio = self.speedup(contestant)
            contestants.append({**contestant.as_json(), "speedup": None if ratio is None else asdict(ratio)})
        return {**asdict(self), "contestants": contestants}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Results:
        """The inverse of `as_json`."""
        contestants = [
            ContestantResult.from_json({name: value for name, value in entry.items() if name != "speedup"})
            for entry in document["contestants"]
        ]
        return cls(**{**document, "contestants": contestants})
