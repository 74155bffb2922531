"""Hands out jobs so that those with one model and one driver stay with one worker, which finds its keypoints once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fomm_rt.batch.job import Job

DriverKey = tuple[object, ...]


@dataclass
class Taken:
    """A job that was handed out.

    Attributes:
        index: Its number.
        key: Of its model and driver.
        is_shared: True if other jobs of the run have the same ones.
        attempts: How often it has been handed out.
    """

    index: int
    key: DriverKey
    is_shared: bool
    attempts: int = 1


class Schedule:
    """The jobs that are to be done.

    Args:
        jobs: All jobs, with absolute paths.
        to_make: Numbers of those to hand out.
        model_of: Gives a job's model.
    """

    def __init__(self, jobs: Sequence[Job], to_make: Iterable[int], model_of: Callable[[int], str | None]) -> None:
        self._queues: dict[DriverKey, deque[Taken]] = {}
        self._users: Counter[DriverKey] = Counter()
        for index in to_make:
            key = (model_of(index), *_driver_of(jobs[index]))
            self._queues.setdefault(key, deque()).append(Taken(index, key, False, 0))
        for queue in self._queues.values():
            for taken in queue:
                taken.is_shared = len(queue) > 1

    def __len__(self) -> int:
        """Number of jobs that are not handed out."""
        return sum(map(len, self._queues.values()))

    def take(self, last: DriverKey | None = None) -> Taken | None:
        """Hands out a job; None if there are none left.

        Args:
            last: The key of the worker's last job, which has ended.
        """
        if last is not None:
            self._users[last] -= 1
        waiting = {key: queue for key, queue in self._queues.items() if queue}
        if not waiting:
            return None
        if last not in waiting:
            # A driver that no other worker has, else the one with the most jobs; of equals the first.
            last = min(waiting, key=lambda key: (self._users[key] > 0, -len(waiting[key]) if self._users[key] else 0))
        assert last is not None
        taken = waiting[last].popleft()
        taken.attempts += 1
        self._users[last] += 1
        return taken

    def put_back(self, taken: Taken) -> None:
        """Takes a job back that was not done, to hand it out again."""
        self._users[taken.key] -= 1
        self._queues[taken.key].appendleft(taken)


def _driver_of(job: Job) -> DriverKey:
    """What decides the keypoints of a driver."""
    return (
        job.driving,
        job.driving_crop,
        job.driving_fit,
        job.start_s,
        job.duration_s,
        job.max_pixels,
        job.best_frame == "auto",
    )
