"""Throughput in batches, measured after the rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fomm_bench.results.agreement import Requirement, compare
from fomm_bench.results.contestant_result import ContestantResult
from fomm_bench.run.plan import Pictures, Progress, turn_order
from fomm_bench.run.session import Session
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

BATCH_ROUNDS = 5
BATCH_CALLS, BATCH_S = 4, 1.0
"""Calls of a turn, fewer if they take this long: 20 calls or 5 s in all rounds."""


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
    participants: Sequence[Participant], sizes: Sequence[int], pictures: Pictures, progress: Progress
) -> None:
    """Checks and times batches of every size. A participant that disagrees at one size drops out of all."""
    for size in sizes:
        progress(f"checking batches of {size}", 0, None)
        for participant in _remaining(participants).values():
            _check(participant, pictures, size)
    for number in range(BATCH_ROUNDS):
        progress("measuring batches", number, BATCH_ROUNDS)
        for size in sizes:
            remaining = _remaining(participants)
            for name in turn_order(list(remaining), number):
                try:
                    calls = _turn(remaining[name].session, pictures.batch(size))
                except BenchmarkError as error:
                    _drop(remaining[name], f"batches of {size}: {error}")
                    continue
                remaining[name].result.batches_ms.setdefault(size, []).append(calls)
    progress("measuring batches", BATCH_ROUNDS, BATCH_ROUNDS)


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
