"""The comparison: contestants opened one by one, checked against the reference, then timed in turns.

Only one computes at any moment; the others' processes are stopped meanwhile, since threads that wait by spinning would
take cores from whoever has its turn. A round gives each of them the same frames, after one that does not count, in an
order drawn anew, so that neither drift nor a place in the order favours any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import numpy as np

from fomm_bench.agreement import Requirement, compare
from fomm_bench.contestants.protocol import Entry, UnavailableError
from fomm_bench.contestants.registry import REFERENCES
from fomm_bench.model_spec import ModelSpec
from fomm_bench.results import ContestantResult, State
from fomm_bench.session import Session
from fomm_rt.errors import BenchmarkError
from fomm_rt.framing import Image

OpenSession = Callable[[Entry], Session]
Progress = Callable[[str, int, "int | None"], None]

AGREEMENT_FRAMES = 6
WARMUP_FRAMES = 2
"""After those that are compared, which warm up as well."""
BATCH_ROUNDS = 5


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
        progress: Told of every step.

    Attributes:
        results: Of every contestant, the reference first.
        reference: Its name.
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
        progress: Progress = lambda _stage, _done, _total: None,
    ) -> None:
        self._entries = list(entries)
        self._model = model
        self._pictures = pictures
        self._plan = plan
        self._open_session = open_session
        self._problem = problem
        self._progress = progress
        self._sessions: dict[str, Session] = {}
        self._batching: set[str] = set()
        self._requirements: dict[str, Requirement] = {}
        self.results: dict[str, ContestantResult] = {}
        self.reference: str | None = None

    def run(self, candidates: Sequence[Entry]) -> None:
        """Measures everything.

        Args:
            candidates: For the reference, see `reference_candidates`.

        Raises:
            BenchmarkError: Nothing that others could be compared with can run.
        """
        with ExitStack() as stack:
            predictions = self._open_reference(candidates, stack)
            others = [entry for entry in self._entries if entry.name not in self.results]
            for entry in others:
                self._progress(f"opening {entry.name}", 0, None)
                self._open(entry, stack, predictions)
            for number in range(self._plan.rounds):
                self._progress("measuring", number, self._plan.rounds)
                self._round(number)
            self._progress("measuring", self._plan.rounds, self._plan.rounds)
            for name in list(self._sessions):
                self._memory(name)  # before batches, which not every contestant takes
            self._batch_rounds(predictions)

    def _open_reference(self, candidates: Sequence[Entry], stack: ExitStack) -> Image:
        """Opens the first candidate that runs; returns its predictions."""
        for entry in candidates:
            self._progress(f"opening {entry.name}, the reference", 0, None)
            predictions = self._open(entry, stack, None)
            if predictions is not None:
                self.reference = entry.name
                return predictions
        reasons = "; ".join(f"{name}: {result.reason}" for name, result in self.results.items())
        raise BenchmarkError(f"there is nothing to compare with: {reasons}")

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
            result.open_ms, result.first_frame_ms = opened.open_ms, first_frame_ms
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

    def _batch_rounds(self, predictions: Image) -> None:
        checked = self._pictures.checked
        for batch in self._plan.batches:
            chosen = np.arange(batch) % len(checked)
            for number in range(BATCH_ROUNDS + 1):
                self._progress(f"batches of {batch}", number, BATCH_ROUNDS + 1)
                for name in turn_order([name for name in self._sessions if name in self._batching], number):
                    try:
                        animated = self._sessions[name].animate_batch(checked[chosen])
                    except BenchmarkError as error:
                        self._leave_batches(name, f"batches of {batch}: {error}")
                        continue
                    if number:
                        self.results[name].batches_ms.setdefault(batch, []).extend(animated.latency_ms)
                    else:  # the first call of every size warms up and is checked
                        self._check_batch(name, animated.pictures, predictions[chosen])

    def _check_batch(self, name: str, pictures: Image | None, reference: Image) -> None:
        assert pictures is not None
        agreement = compare(pictures, reference, self._requirements[name])
        if not agreement.agrees:
            self._leave_batches(name, f"batches of {len(reference)} do not agree ({agreement.describe()})")

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


def reference_candidates(chosen: Sequence[Entry], known: Sequence[Entry]) -> list[Entry]:
    """Who may be the reference, best first: the one on a GPU only where one of the chosen runs there."""
    by_name = {entry.name: entry for entry in known}
    on_gpu = any(entry.on_gpu for entry in chosen)
    return [by_name[name] for name in REFERENCES if name in by_name and (on_gpu or not by_name[name].on_gpu)]
