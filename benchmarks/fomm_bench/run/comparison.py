"""The comparison: opens contestants one by one, checks them against the reference, then times them in turns.

Only one contestant computes at a time; the processes of the others are stopped, because threads that spin while they
wait would take cores from it. In each round every contestant gets the same frames, after one frame that does not
count. A random order per round spreads drift and the influence of the predecessor evenly. Contestants on a GPU are
compared with a reference on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from fomm_bench.contestants.protocol import Entry, UnavailableError
from fomm_bench.machine.load import OtherLoad
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import compare
from fomm_bench.results.contestant_result import ContestantResult, DeviceType, State
from fomm_bench.run.batches import Participant, measure_batches
from fomm_bench.run.plan import Pictures, Plan, Progress, turn_order
from fomm_bench.run.session import Session
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

OpenSession = Callable[[Entry], Session]

WARMUP_FRAMES = 2
"""Warmup after the checked frames, which warm up as well."""


@dataclass(eq=False, kw_only=True)
class Comparison:
    """One comparison.

    Attributes:
        why_unavailable: Returns why a contestant cannot run, before it is started; None if nothing is known.
        results: Name -> result of every contestant, the references first.
        references: Device -> name of its reference.
        busy_cores, batch_busy_cores: Cores that other processes kept busy, by round of frames and of batches; empty
            if unknown.
    """

    entries: Sequence[Entry]
    model: ModelSpec
    pictures: Pictures
    plan: Plan
    open_session: OpenSession
    why_unavailable: Callable[[Entry], str | None]
    other_load: OtherLoad
    progress: Progress = lambda _stage, _done, _total: None
    results: dict[str, ContestantResult] = field(default_factory=dict, init=False)
    references: dict[DeviceType, str] = field(default_factory=dict, init=False)
    busy_cores: list[float] = field(default_factory=list, init=False)
    batch_busy_cores: list[float] = field(default_factory=list, init=False)
    _predictions: dict[str, Image] = field(default_factory=dict, init=False)
    _participants: dict[str, Participant] = field(default_factory=dict, init=False)

    def run(self, candidates: Mapping[DeviceType, Sequence[Entry]]) -> None:
        """Measures everything, given `reference_candidates`. Raises BenchmarkError if none of them can run."""
        with ExitStack() as stack:
            for device, entries in candidates.items():
                self._open_reference(device, entries, stack)
            for entry in [entry for entry in self.entries if entry.name not in self.results]:
                self.progress(f"opening {entry.name}", 0, None)
                self._open(entry, stack, self._reference_predictions(entry.device_type))
            for number in range(self.plan.rounds):
                self.progress("measuring", number, self.plan.rounds)
                self.other_load.start()
                self._round(number)
                busy = self.other_load.stop()
                self.busy_cores += [] if busy is None else [busy]
            self.progress("measuring", self.plan.rounds, self.plan.rounds)
            # Before the batches, which need more memory and which not every contestant takes.
            for participant in self._participants.values():
                with suppress(BenchmarkError):  # its latency is measured and stands
                    memory, result = participant.session.memory(), participant.result
                    result.host_bytes, result.device_bytes = memory.host_bytes, memory.device_bytes
            if self.plan.batches:
                participants = [participant for participant in self._participants.values() if participant.takes_batches]
                self.batch_busy_cores = measure_batches(
                    participants, self.plan, self.pictures, self.other_load, self.progress
                )

    def _open_reference(self, device: DeviceType, candidates: Sequence[Entry], stack: ExitStack) -> None:
        """Makes the first candidate that runs the reference of a device; it must agree with an earlier reference."""
        agreed = next(iter(self._predictions.values()), None)
        for entry in candidates:
            if entry.name not in self.results:
                self.progress(f"opening {entry.name}, the reference", 0, None)
                predictions = self._open(entry, stack, agreed)
                if predictions is not None:
                    self._predictions[entry.name] = self._participants[entry.name].reference = predictions
            if entry.name in self._predictions:
                self.references[device] = entry.name
                return
        reasons = "; ".join(f"{name}: {result.reason}" for name, result in self.results.items())
        raise BenchmarkError(f"there is no reference to compare with: {reasons}")

    def _reference_predictions(self, device: DeviceType) -> Image:
        """The predictions of a device's reference, or of the only other one."""
        return self._predictions[self.references.get(device) or next(iter(self.references.values()))]

    def _open(self, entry: Entry, stack: ExitStack, reference: Image | None) -> Image | None:
        """Opens, warms up and checks a contestant; returns its predictions, or None if it drops out."""
        result = ContestantResult(entry.name, entry.description, entry.precision, entry.on_gpu)
        self.results[entry.name] = result
        problem = self.why_unavailable(entry)
        if problem is not None:
            result.give_up("skipped", problem)
            return None
        with ExitStack() as opening:
            try:
                session = self.open_session(entry)
                opening.callback(session.close)
                opened = session.open(self.model, self.pictures.source)
                first_frame_ms = session.first_frame(self.pictures.frames[0])
                predictions = session.animate(self.pictures.checked, pictures=True).pictures
                assert predictions is not None
                result.device, result.python, result.versions = opened.device, opened.python, opened.versions
                result.open_ms, result.first_frame_ms, result.build_s = opened.open_ms, first_frame_ms, opened.build_s
                reference = predictions if reference is None else reference
                agreement = result.agreement = compare(predictions, reference, entry.requirement)
                if not agreement.agrees:
                    reason = f"does not agree ({agreement.describe()}; {entry.requirement.describe()} required)"
                    result.give_up("disagrees", f"{reason}: no speed is reported")
                    return None
                session.animate(self.pictures.turn(0, WARMUP_FRAMES), pictures=False)
            except BenchmarkError as error:
                result.give_up(state_of(error), str(error))
                return None
            stack.enter_context(opening.pop_all())
        self._participants[entry.name] = Participant(
            session, result, entry.requirement, reference, takes_batches=opened.takes_batches
        )
        return predictions

    def _round(self, number: int) -> None:
        for name in turn_order(list(self._participants), number):
            participant = self._participants[name]
            session, result = participant.session, participant.result
            frames = self.pictures.turn(number, self.plan.frames(result.on_gpu))
            try:
                session.animate(frames[:1], pictures=False)  # the caches hold another contestant's data
                animated = session.animate(frames, pictures=False)
            except BenchmarkError as error:
                del self._participants[name]
                session.close()
                result.give_up("failed", str(error))
                continue
            result.rounds_ms.append(animated.latency_ms)
            result.stages_ms += animated.stage_ms


def state_of(error: BenchmarkError) -> State:
    """The state of a contestant that an error ended."""
    return "skipped" if isinstance(error, UnavailableError) else "failed"
