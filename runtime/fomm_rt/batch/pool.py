"""What a run needs from whatever does its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fomm_rt.batch.animation import Order
from fomm_rt.batch.job import Animated
from fomm_rt.batch.schedule import DriverKey, Taken


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `animated` or `error`, and on which machine of a cluster."""

    taken: Taken
    animated: Animated | None = None
    error: str | None = None
    where: str | None = None


class Work(Protocol):
    """The jobs, as a pool sees them. Called from the pool's thread alone.

    Attributes:
        shared: A folder in the folder of results; it exists as long as the run lasts, for what workers share.
    """

    shared: Path

    def take(self, last: DriverKey | None) -> tuple[Taken, Order] | None:
        """Hands out a job, see `Schedule.take`."""

    def put_back(self, taken: Taken) -> None:
        """Takes a job back that was not done through no fault of its own."""

    def end(self, outcome: Outcome) -> None:
        """Takes how a job ended. Raises OutputError if the journal cannot be written."""

    def tell(self, taken: Taken, stage: str, done: int, total: int | None) -> None:
        """Takes the frames of a job that are done."""

    def say(self, sentence: str) -> None:
        """Takes a sentence for the user."""


class Pool(Protocol):
    """Does jobs. `run` is called once, in a thread of its own."""

    def run(self, work: Work) -> None:
        """Does jobs until there are none left, or until it is stopped."""

    def stop(self) -> None:
        """Ends `run` within seconds, with what it does; from any thread. Before `run`, frees what the pool holds."""
