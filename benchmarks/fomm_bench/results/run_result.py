"""What a comparison found: plain values that can be written to a file and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from fomm_bench.results.agreement import Agreement
from fomm_bench.results.samples import Latency, Spread, latency_of, speedup, stage_medians, throughput_of

State = Literal["measured", "disagrees", "skipped", "failed"]
STATES: tuple[str, ...] = get_args(State)

DEVICE_TYPES = ("cpu", "cuda")
"""Where contestants run; each has a reference of its own."""

DERIVED = ("latency_ms", "speedup")
"""Fields of a contestant in a file that are made of its others."""


def device_type(on_gpu: bool) -> str:
    """One of DEVICE_TYPES."""
    return DEVICE_TYPES[on_gpu]


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
        open_ms: Imports, loading and compiling; without `build_s`.
        first_frame_ms: From starting its process to the first picture; without `build_s`.
        build_s: Seconds it took to build its engines, which is done once for a machine; None for one without.
        rounds_ms: Milliseconds of every frame, by round.
        stages_ms: Milliseconds by stage, of every frame or of one a round, where they can be told apart.
        batches_ms: Batch size to milliseconds of every call, by round.
        batch_problem: Why it took no part in batches, if it has them.
        host_bytes: Peak resident set of its process.
        device_bytes: GPU memory of its process, as far as it can be told at its peak.
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
    build_s: float | None = None
    rounds_ms: list[list[float]] = field(default_factory=list)
    stages_ms: list[dict[str, float]] = field(default_factory=list)
    batches_ms: dict[int, list[list[float]]] = field(default_factory=dict)
    batch_problem: str | None = None
    host_bytes: int | None = None
    device_bytes: int | None = None

    @property
    def latency(self) -> Latency | None:
        """Over all rounds; None where no speed is reported."""
        return latency_of(self.rounds_ms)

    @property
    def device_type(self) -> str:
        """One of DEVICE_TYPES."""
        return device_type(self.on_gpu)

    @property
    def throughput(self) -> dict[int, Spread]:
        """Frames per second by batch size: of the call of median length, over the rounds."""
        found = {batch: throughput_of(batch, rounds) for batch, rounds in sorted(self.batches_ms.items())}
        return {batch: spread for batch, spread in found.items() if spread is not None}

    @property
    def stages(self) -> dict[str, float]:
        """Median milliseconds by stage."""
        return stage_medians([frame for frame in self.stages_ms if frame])

    def give_up(self, state: State, reason: str) -> None:
        """Ends its part: no speed is reported."""
        self.state, self.reason = state, reason
        self.rounds_ms, self.stages_ms, self.batches_ms = [], [], {}
        self.open_ms = self.first_frame_ms = self.build_s = None

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
        fields = {name: value for name, value in document.items() if name not in DERIVED}
        if fields.get("agreement") is not None:
            fields["agreement"] = Agreement.from_json(fields["agreement"])
        fields["batches_ms"] = {int(batch): rounds for batch, rounds in fields.get("batches_ms", {}).items()}
        return cls(**fields)


@dataclass
class Results:
    """One run of the comparison.

    Attributes:
        command: The command line.
        date: When it started, ISO 8601.
        environment: See `environment.describe_environment`.
        model: "label", "weights", "size", "identity"; where they can be told, "mac_per_frame" and "weight_bytes" of the
            exported graphs with the source cached, and "tools" they were made with.
        media: What was animated.
        settings: "rounds", "frames_per_round" by device, "batches", "agreement_frames".
        references: Of DEVICE_TYPES to the name of the contestant that those on this device are compared with.
        contestants: In the order they took part.
        ceiling: See `ceiling.measure_ceiling`; None where it was not measured.
        busy_cores: How many cores other processes kept busy during each round; empty where that cannot be told.
    """

    command: list[str]
    date: str
    environment: dict[str, Any]
    model: dict[str, Any]
    media: str
    settings: dict[str, Any]
    references: dict[str, str] = field(default_factory=dict)
    contestants: list[ContestantResult] = field(default_factory=list)
    ceiling: dict[str, Any] | None = None
    busy_cores: list[float] = field(default_factory=list)

    @property
    def measured(self) -> list[ContestantResult]:
        """Those whose speed is reported."""
        return [contestant for contestant in self.contestants if contestant.state == "measured"]

    def reference_of(self, contestant: ContestantResult) -> ContestantResult | None:
        """Whom a contestant is compared with: the reference of its device, which is its own."""
        name = self.references.get(contestant.device_type)
        return next((other for other in self.contestants if other.name == name), None)

    def is_reference(self, contestant: ContestantResult) -> bool:
        """Whether others are compared with this one."""
        return self.references.get(contestant.device_type) == contestant.name

    def speedup(self, contestant: ContestantResult) -> Spread | None:
        """Over the reference of its device, within each round; None where either has no speed."""
        reference = self.reference_of(contestant)
        return None if reference is None else speedup(contestant.rounds_ms, reference.rounds_ms)

    def utilisation(self, contestant: ContestantResult) -> float | None:
        """Share of the ceiling that the exported graphs' multiply-accumulates in the median time of a frame come to.

        The ceiling is that of the contestant's own precision; None where that was not measured. Of one in int8 or half
        precision some layers are float32 all the same, so that its share says less than it does.
        """
        latency, macs = contestant.latency, self.model.get("mac_per_frame")
        ceiling = self._ceiling(contestant.device_type).get("gmac_per_s", {}).get(contestant.precision)
        if latency is None or not macs or not ceiling:
            return None
        return float(macs / (latency.p50 * 1e-3) / (ceiling * 1e9))

    def balance(self, device: str) -> float | None:
        """Multiply-accumulates in float32 that a device does while it copies one byte; None where not measured."""
        ceiling = self._ceiling(device)
        rate = ceiling.get("gmac_per_s", {}).get("fp32")
        return float(rate / ceiling["copy_gb_per_s"]) if rate else None

    def _ceiling(self, device: str) -> dict[str, Any]:
        return (self.ceiling or {}).get(device) or {}

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
        contestants = [ContestantResult.from_json(entry) for entry in document["contestants"]]
        return cls(**{**document, "contestants": contestants})
