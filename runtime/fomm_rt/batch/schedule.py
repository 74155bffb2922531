"""Hands out jobs so that those with one model and one driver stay with one worker, which finds its keypoints once."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
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
        # Jobs that wait, by model and driver: those of which no worker has a job, and those of which some has.
        self._free: OrderedDict[DriverKey, deque[Taken]] = OrderedDict()
        self._used: dict[DriverKey, deque[Taken]] = {}
        self._users: Counter[DriverKey] = Counter()
        self._recorded: set[DriverKey] = set()
        for index in to_make:
            key = (model_of(index), *_driver_of(jobs[index]))
            self._free.setdefault(key, deque()).append(Taken(index, key, False, 0))
        for queue in self._free.values():
            for taken in queue:
                taken.is_shared = len(queue) > 1

    def __len__(self) -> int:
        """Number of jobs that are not handed out."""
        return sum(map(len, self._free.values())) + sum(map(len, self._used.values()))

    def take(self, last: DriverKey | None = None) -> Taken | None:
        """Hands out a job; None if there are none left.

        The time grows with the number of drivers in use, not with that of jobs.

        Args:
            last: The key of the worker's last job, which has ended.
        """
        if last is not None:
            self._recorded.add(last)
            self._release(last)
        key = self._choose(last)
        if key is None:
            return None
        queue = self._free.pop(key) if key in self._free else self._used[key]
        taken = queue.popleft()
        taken.attempts += 1
        self._users[key] += 1
        if queue:
            self._used[key] = queue
        else:
            self._used.pop(key, None)
        return taken

    def put_back(self, taken: Taken) -> None:
        """Takes a job back that was not done, to hand it out again before the others."""
        self._release(taken.key)
        queues = self._used if taken.key in self._users else self._free
        queues.setdefault(taken.key, deque()).appendleft(taken)
        if queues is self._free:
            self._free.move_to_end(taken.key, last=False)

    def _choose(self, last: DriverKey | None) -> DriverKey | None:
        """The worker's own driver, else one that no other worker has, else the one with the most jobs.

        A driver that was recorded comes before one that may still be: a worker would wait for its keypoints.
        """
        if last is not None and (last in self._free or last in self._used):
            return last
        if self._free:
            return next(iter(self._free))
        return max(self._used, key=lambda key: (key in self._recorded, len(self._used[key])), default=None)

    def _release(self, key: DriverKey) -> None:
        """Notes that a worker has no job of a driver any more."""
        self._users[key] -= 1
        if self._users[key] == 0:
            del self._users[key]
            if key in self._used:
                self._free[key] = self._used.pop(key)
                self._free.move_to_end(key, last=False)


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
