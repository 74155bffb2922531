"""The comparison: contestants opened one by one, checked against the reference, then timed in turns.

Only one computes at any moment; the others' processes are stopped meanwhile, since threads that wait by spinning would
take cores from whoever has its turn. A round gives each of them the same frames, after one that does not count, in an
order drawn anew, so that neither drift nor a place in the order favours any. Those on a GPU are compared with a
reference that runs there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.protocol import Entry, UnavailableError
from fomm_bench.contestants.registry import REFERENCES
from fomm_bench.machine.load import OtherLoad
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import Requirement, compare
from fomm_bench.results.run_result import DEVICE_TYPES, ContestantResult, State
from fomm_bench.run.session import Session
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

OpenSession = Callable[[Entry], Session]
Progress = Callable[[str, int, "int | None"], None]

AGREEMENT_FRAMES = 6
WARMUP_FRAMES = 2
"""After those that are compared, which warm up as well."""
BATCH_ROUNDS = 5
BATCH_CALLS, BATCH_S = 4, 1.0
"""Of a turn: so many calls, or fewer that take this long; 20 calls or 5 s in all rounds."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: How often each contestant has its turn.
        cpu_frames, gpu_frames: Frames of a turn, by where the contestant runs.
        batches: Batch sizes whose throughput is measured; none for none.
    """

    rounds: int
    cpu_frames: int
    gpu_frames: int
    batches: tuple[int, ...]

    def frames(self, on_gpu: bool) -> int:
        """Frames of a contestant's turn."""
        return self.gpu_frames if on_gpu else self.cpu_frames


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is animated: source (S, S, 3) uint8 and frames (N, S, S, 3) uint8, the first the reference of motion."""

    source: Image
    frames: Image

    @property
    def checked(self) -> Image:
        """The frames whose predictions are compared, spread over the clip, the first among them."""
        last = len(self.frames) - 1
        chosen: Image = self.frames[np.unique(np.linspace(0, last, AGREEMENT_FRAMES).round().astype(int))]
        return chosen

    def turn(self, number: int, count: int) -> Image:
        """The frames of a turn: `count` that follow those of the turn before, from the start again after the last."""
        chosen: Image = self.frames[np.arange(number * count, (number + 1) * count) % len(self.frames)]
        return chosen


class Comparison:
    """One comparison.

    Args:
        entries: Who takes part.
        model: What they run.
        pictures: What they animate.
        plan: How much.
        open_session: Starts a contestant.
        problem: Says what is known against a contestant before it is started; None for nothing.
        other_load: Tells how busy other processes keep the machine.
        progress: Told of every step.

    Attributes:
        results: Of every contestant, the references first.
        references: Device to the name of the contestant that others on it are compared with.
        busy_cores: How many cores other processes kept busy in each round; empty where that cannot be told.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        model: ModelSpec,
        pictures: Pictures,
        plan: Plan,
        *,
        open_session: OpenSession,
        problem: Callable[[Entry], str | None],
        other_load: OtherLoad,
        progress: Progress = lambda _stage, _done, _total: None,
    ) -> None:
        self._entries = list(entries)
        self._model = model
        self._pictures = pictures
        self._plan = plan
        self._open_session = open_session
        self._problem = problem
        self._other_load = other_load
        self._progress = progress
        self._predictions: dict[str, Image] = {}
        self._sessions: dict[str, Session] = {}
        self._batching: set[str] = set()
        self._requirements: dict[str, Requirement] = {}
        self.results: dict[str, ContestantResult] = {}
        self.references: dict[str, str] = {}
        self.busy_cores: list[float] = []

    def run(self, candidates: Mapping[str, Sequence[Entry]]) -> None:
        """Measures everything.

        Args:
            candidates: For the references, by device, see `reference_candidates`.

        Raises:
            BenchmarkError: Nothing that others could be compared with can run.
        """
        with ExitStack() as stack:
            for device, entries in candidates.items():
                self._open_reference(device, entries, stack)
            others = [entry for entry in self._entries if entry.name not in self.results]
            for entry in others:
                self._progress(f"opening {entry.name}", 0, None)
                self._open(entry, stack, self._reference_predictions(entry.device_type))
            for number in range(self._plan.rounds):
                self._progress("measuring", number, self._plan.rounds)
                self._other_load.start()
                self._round(number)
                busy = self._other_load.stop()
                self.busy_cores += [] if busy is None else [busy]
            self._progress("measuring", self._plan.rounds, self._plan.rounds)
            for name in list(self._sessions):
                self._memory(name)  # before batches, which not every contestant takes
            if self._plan.batches:
                self._check_batches()
                self._batch_rounds()

    def _open_reference(self, device: str, candidates: Sequence[Entry], stack: ExitStack) -> None:
        """Makes the first candidate that runs the reference of a device; a second one has to agree with the first."""
        agreed = next(iter(self._predictions.values()), None)
        for entry in candidates:
            if entry.name not in self.results:
                self._progress(f"opening {entry.name}, the reference", 0, None)
                predictions = self._open(entry, stack, agreed)
                if predictions is not None:
                    self._predictions[entry.name] = predictions
            if entry.name in self._predictions:
                self.references[device] = entry.name
                return
        reasons = "; ".join(f"{name}: {result.reason}" for name, result in self.results.items())
        raise BenchmarkError(f"there is nothing to compare with: {reasons}")

    def _reference_predictions(self, device: str) -> Image:
        """Of a device's own reference; a reference that serves another device is compared with that one's."""
        return self._predictions[self.references.get(device) or next(iter(self.references.values()))]

    def _open(self, entry: Entry, stack: ExitStack, reference: Image | None) -> Image | None:
        """Opens, warms up and checks a contestant; returns its predictions where it goes on."""
        result = ContestantResult(entry.name, entry.description, entry.precision, entry.on_gpu)
        self.results[entry.name] = result
        self._requirements[entry.name] = entry.requirement
        problem = self._problem(entry)
        if problem is not None:
            result.give_up("skipped", problem)
            return None
        try:
            session = self._open_session(entry)
            stack.callback(session.close)
            self._sessions[entry.name] = session
            opened = session.open(self._model, self._pictures.source)
            first_frame_ms = session.first_frame(self._pictures.frames[0])
            predictions = session.animate(self._pictures.checked, pictures=True).pictures
            assert predictions is not None
            result.device, result.python, result.versions = opened.device, opened.python, opened.versions
            result.open_ms, result.first_frame_ms, result.build_s = opened.open_ms, first_frame_ms, opened.build_s
            result.agreement = compare(predictions, predictions if reference is None else reference, entry.requirement)
            if not result.agreement.agrees:
                self._end(
                    entry.name,
                    "disagrees",
                    f"does not agree ({result.agreement.describe()}; {entry.requirement.describe()} required): "
                    "no speed is reported",
                )
                return None
            session.animate(self._pictures.turn(0, WARMUP_FRAMES), pictures=False)
            if opened.batches:
                self._batching.add(entry.name)
        except UnavailableError as error:
            self._end(entry.name, "skipped", str(error))
            return None
        except BenchmarkError as error:
            self._end(entry.name, "failed", str(error))
            return None
        return predictions

    def _round(self, number: int) -> None:
        for name in turn_order(list(self._sessions), number):
            result = self.results[name]
            try:
                frames = self._pictures.turn(number, self._plan.frames(result.on_gpu))
                self._sessions[name].animate(frames[:1], pictures=False)  # caches are another's
                animated = self._sessions[name].animate(frames, pictures=False)
            except BenchmarkError as error:
                self._end(name, "failed", str(error))
                continue
            result.rounds_ms.append(animated.latency_ms)
            result.stages_ms += animated.stage_ms

    def _check_batches(self) -> None:
        """The first call of every size warms up and is compared; who does not agree at one size leaves them all."""
        for batch in self._plan.batches:
            frames = self._batch(batch)
            self._progress(f"checking batches of {batch}", 0, None)
            for name in self._taking_batches():
                result = self.results[name]
                try:
                    pictures = self._sessions[name].animate_batch(self._pictures.checked[frames]).pictures
                except BenchmarkError as error:
                    self._leave_batches(name, f"batches of {batch}: {error}")
                    continue
                assert pictures is not None
                expected = self._reference_predictions(result.device_type)[frames]
                agreement = compare(pictures, expected, self._requirements[name])
                if not agreement.agrees:
                    self._leave_batches(name, f"batches of {batch} do not agree ({agreement.describe()})")

    def _batch_rounds(self) -> None:
        for number in range(BATCH_ROUNDS):
            self._progress("measuring batches", number, BATCH_ROUNDS)
            for batch in self._plan.batches:
                frames = self._pictures.checked[self._batch(batch)]
                for name in turn_order(self._taking_batches(), number):
                    try:
                        calls = self._batch_turn(name, frames)
                    except BenchmarkError as error:
                        self._leave_batches(name, f"batches of {batch}: {error}")
                        continue
                    self.results[name].batches_ms.setdefault(batch, []).append(calls)
        self._progress("measuring batches", BATCH_ROUNDS, BATCH_ROUNDS)

    def _batch_turn(self, name: str, frames: Image) -> list[float]:
        """Milliseconds of the calls of one turn."""
        session = self._sessions[name]
        session.animate_batch(frames)  # caches are another's
        calls: list[float] = []
        while len(calls) < BATCH_CALLS and sum(calls) < BATCH_S * 1e3:
            calls += session.animate_batch(frames).latency_ms
        return calls

    def _taking_batches(self) -> list[str]:
        return [name for name in self._sessions if name in self._batching]

    def _batch(self, size: int) -> NDArray[np.intp]:
        """Which of the checked frames a batch is made of."""
        return np.arange(size) % len(self._pictures.checked)

    def _leave_batches(self, name: str, problem: str) -> None:
        """Ends a contestant's part in the batches; its latency stands."""
        self._batching.discard(name)
        self.results[name].batch_problem = problem
        self.results[name].batches_ms = {}

    def _memory(self, name: str) -> None:
        # Latency has been measured by now, and stands whatever becomes of the process.
        with suppress(BenchmarkError):
            self.results[name].host_bytes, self.results[name].device_bytes = self._sessions[name].memory()

    def _end(self, name: str, state: State, reason: str) -> None:
        """Ends a contestant's part; the others go on."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.close()
        self.results[name].give_up(state, reason)


def turn_order(names: Sequence[str], number: int) -> list[str]:
    """The order of a round: drawn at random, the same for the same number, so that nobody always follows the same."""
    order = np.random.default_rng(number).permutation(len(names))
    return [names[index] for index in order]


def reference_candidates(chosen: Sequence[Entry], known: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Who may be the reference of each device that a chosen contestant runs on, best first.

    Where none of a GPU's own can run, those of the CPU serve it as well.
    """
    by_name = {entry.name: entry for entry in known}
    wanted = {entry.device_type for entry in chosen}
    found: dict[str, list[Entry]] = {}
    for device in DEVICE_TYPES:
        if device in wanted:
            names = REFERENCES[device] if device == "cpu" else (*REFERENCES[device], *REFERENCES["cpu"])
            found[device] = [by_name[name] for name in names if name in by_name]
    return found


def first_references(chosen: Sequence[Entry]) -> list[str]:
    """Names of those who join the chosen ones to be their references, if they can run."""
    return [REFERENCES[device][0] for device in dict.fromkeys(entry.device_type for entry in chosen)]
