"""Does jobs in worker processes of this machine. A process that ends fails its own job, and another one is started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from threading import Lock

import msgspec
from typing_extensions import override

from fomm_rt.batch.job import Animated
from fomm_rt.batch.leftovers import remove_leftovers_of
from fomm_rt.batch.pool import Outcome, Pool, Work
from fomm_rt.batch.worker import AnimateJob
from fomm_rt.workers.messages import Progress, Report
from fomm_rt.workers.worker import TaskError, Worker


class LocalPool(Pool):
    """Worker processes.

    Args:
        environments: Further variables of the environment of each worker.
        is_verbose: True to let them print to standard error.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]], is_verbose: bool = False) -> None:
        self._environments = environments
        self._is_verbose = is_verbose
        self._lock = Lock()
        self._is_stopped = False
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    @override
    def run(self, work: Work) -> None:
        try:
            asyncio.run(self._run(work))
        except asyncio.CancelledError:
            pass  # stopped
        finally:
            with self._lock:
                self._running = None

    @override
    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)

    async def _run(self, work: Work) -> None:
        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            if self._is_stopped:
                return
            self._running = asyncio.get_running_loop(), task
        workers = [asyncio.create_task(self._work(work, environment)) for environment in self._environments]
        try:
            await asyncio.gather(*workers)
        finally:
            for each in workers:
                each.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, work: Work, environment: Mapping[str, str]) -> None:
        worker = Worker("fomm_rt.batch.worker", "animates", self._is_verbose, environment)
        last, job = None, None
        try:
            while (given := work.take(last)) is not None:
                taken, order = given
                last, job = taken.key, order.job

                def on_report(report: Report, taken=taken) -> None:  # type: ignore[no-untyped-def]
                    if isinstance(report, Progress):
                        work.tell(taken, report.stage, report.done, report.total)

                try:
                    result = await worker.run(AnimateJob(order=order), on_report)
                except TaskError as error:
                    remove_leftovers_of(order.job)  # of a process that was killed
                    work.end(Outcome(taken, error=str(error)))
                else:
                    work.end(Outcome(taken, msgspec.convert(result, Animated)))
                job = None
        finally:
            worker.stop()
            if job is not None:
                remove_leftovers_of(job)
