"""Throughput in batches, measured after the rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fomm_bench.machine.load import OtherLoad
from fomm_bench.results.agreement import Requirement, compare
from fomm_bench.results.contestant_result import ContestantResult
from fomm_bench.run.plan import Pictures, Plan, Progress, turn_order
from fomm_bench.run.session import Session
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

BATCH_CALLS, BATCH_S = 2, 0.5
"""Calls of a turn, fewer if they take this long: 20 calls or 5 s in ten rounds."""


@dataclass
class Participant:
    """A contestant that is open and agrees with the reference's predictions of the checked frames.

    It takes batches until it fails or disagrees in one.
    """

    session: Session
    result: ContestantResult
    requirement: Requirement
    reference: Image
    takes_batches: bool


def measure_batches(
    participants: Sequence[Participant], plan: Plan, pictures: Pictures, other_load: OtherLoad, progress: Progress
) -> list[float]:
    """Checks and times batches of every size, in as many rounds as the frames.

    A participant that disagrees at one size drops out of all. Returns the cores that other processes kept busy, by
    round; nothing if unknown.
    """
    for size in plan.batches:
        progress(f"checking batches of {size}", 0, None)
        for participant in _remaining(participants).values():
            _check(participant, pictures, size)
    busy_cores: list[float] = []
    for number in range(plan.rounds):
        progress("measuring batches", number, plan.rounds)
        other_load.start()
        for size in plan.batches:
            remaining = _remaining(participants)
            for name in turn_order(list(remaining), number):
                try:
                    calls = _turn(remaining[name].session, pictures.batch(size))
                except BenchmarkError as error:
                    _drop(remaining[name], f"batches of {size}: {error}")
                    continue
                remaining[name].result.batches_ms.setdefault(size, []).append(calls)
        busy = other_load.stop()
        busy_cores += [] if busy is None else [busy]
    progress("measuring batches", plan.rounds, plan.rounds)
    return busy_cores


def _check(participant: Participant, pictures: Pictures, size: int) -> None:
    """Compares the first call of a size, which also warms up."""
    try:
        predictions = participant.session.animate_batch(pictures.batch(size)).pictures
    except BenchmarkError as error:
        _drop(participant, f"batches of {size}: {error}")
        return
    assert predictions is not None
    reference = participant.reference.take(range(size), axis=0, mode="wrap")
    agreement = compare(predictions, reference, participant.requirement)
    if not agreement.agrees:
        _drop(participant, f"batches of {size} do not agree ({agreement.describe()})")


def _turn(session: Session, frames: Image) -> list[float]:
    """Milliseconds of each call of one turn."""
    session.animate_batch(frames)  # the caches hold another contestant's data
    calls: list[float] = []
    while len(calls) < BATCH_CALLS and sum(calls) < BATCH_S * 1e3:
        calls += session.animate_batch(frames).latency_ms
    return calls


def _remaining(participants: Sequence[Participant]) -> dict[str, Participant]:
    return {participant.result.name: participant for participant in participants if participant.takes_batches}


def _drop(participant: Participant, problem: str) -> None:
    """Drops the batches of a participant; its latency stands."""
    participant.takes_batches = False
    participant.result.batch_problem, participant.result.batches_ms = problem, {}
