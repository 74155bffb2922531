"""Hands jobs to the machines of a cluster. What was running on a machine that is lost runs again elsewhere."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from typing_extensions import override

from fomm_rt.batch.animation import Order
from fomm_rt.batch.identity import version_of
from fomm_rt.batch.leftovers import remove_leftovers_of
from fomm_rt.batch.pool import Outcome, Pool, Work
from fomm_rt.batch.ray_cluster.actor import CONTROL, Described, Failed, Lacking, Made, RayWorker
from fomm_rt.batch.ray_cluster.library import ObjectLostError, RayError, ray
from fomm_rt.batch.ray_cluster.object_store import ObjectStore
from fomm_rt.batch.ray_cluster.shipping import place_results
from fomm_rt.batch.schedule import DriverKey, Taken
from fomm_rt.errors import BatchError, FommError, first_line
from fomm_rt.version import __version__
from fomm_rt.workers.worker_process import failure_of

ATTEMPTS = 3
"""How often a job is tried whose worker ends."""
STARTS = 3
"""How often a worker is started that ends before it answers."""
LOOK_S = 0.3
"""How often a run looks if it is stopped."""
PATIENCE_S = 10.0
"""After which a run without a worker says what it waits for."""
CANCEL_S = 4.0
"""How long workers may take to end their jobs; then they are killed."""
KILL_S = 2.0
"""How long the end of a run waits for the end of workers that were killed."""


@dataclass(eq=False)
class _Worker:
    """A worker of the cluster, and what it does.

    Attributes:
        handle: Ray's.
        starts: How often it has been started in place of one that never answered, itself included.
        described: The machine; None before it has answered.
        job: What it does.
        last: The key of its last job.
        received: The inputs of the job that were sent to it.
        has_received_model: True if the model of the job was sent to it.
    """

    handle: Any
    starts: int
    described: Described | None = None
    job: tuple[Taken, Order] | None = None
    last: DriverKey | None = None
    received: list[str] = field(default_factory=list)
    has_received_model: bool = False

    @property
    def where(self) -> str:
        """Its machine, for messages."""
        return "a machine" if self.described is None else self.described.name


class RayPool(Pool):
    """Workers on a cluster.

    Args:
        count: The number of workers.
        num_cpus, num_gpus: What each gets.
        close: Called at the end.
    """

    def __init__(self, count: int, num_cpus: float, num_gpus: float, close: Any) -> None:
        self._count = count
        options: dict[str, Any] = {"concurrency_groups": {CONTROL: 1}, "max_restarts": 0, "max_task_retries": 0}
        self._make = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, **options)(RayWorker)
        self._close = close
        self._stopped = Event()
        self._waiting: dict[Any, _Worker] = {}
        self._idle: list[_Worker] = []
        self._store = ObjectStore(2 * count + 2)
        self._is_done = False
        self._has_started = False

    @override
    def stop(self) -> None:
        self._stopped.set()
        if not self._has_started:
            self._close()

    @override
    def run(self, work: Work) -> None:
        self._has_started = True
        try:
            self._run(work)
        except RayError as error:
            raise BatchError(f"the Ray cluster failed: {first_line(error)}") from error
        finally:
            self._end_workers()
            self._close()

    def _run(self, work: Work) -> None:
        for _ in range(self._count):
            self._start(work)
        since = monotonic()
        has_told = False
        while not self._stopped.is_set():
            self._assign(work)
            if not any(worker.job for worker in self._waiting.values()) and self._is_done:
                return
            ready, _ = ray.wait(list(self._waiting), num_returns=1, timeout=LOOK_S)
            for reference in ready:
                self._take(work, self._waiting.pop(reference), reference)
            is_waiting = all(worker.described is None for worker in (*self._waiting.values(), *self._idle))
            since = since if is_waiting else monotonic()
            if is_waiting and not has_told and monotonic() - since > PATIENCE_S:
                has_told = True
                work.say("waiting for the cluster to give a worker what it needs; Ctrl-C ends the run")

    def _start(self, work: Work, starts: int = 1) -> None:
        worker = _Worker(self._make.remote(str(work.shared)), starts)
        self._waiting[worker.handle.describe.remote()] = worker

    def _assign(self, work: Work) -> None:
        """Gives jobs to workers that have none."""
        while self._idle and not self._stopped.is_set():
            worker = self._idle[0]
            given = work.take(worker.last)
            worker.last = None
            self._is_done = given is None
            if given is None:
                return
            del self._idle[0]
            worker.job, worker.last = given, given[0].key
            worker.received, worker.has_received_model = [], False
            self._submit(work, worker)

    def _submit(self, work: Work, worker: _Worker) -> None:
        """Sends a worker its job, with what it lacked before."""
        assert worker.job is not None
        order = worker.job[1]
        try:
            model = self._store.refer_to_model(order.load.model)
            files = self._store.model(model) if worker.has_received_model else None
            contents = [self._store.input(path) for path in worker.received]
        except (FommError, OSError) as error:
            self._end(work, worker, Failed(failure_of(error).sentence))
            return
        signatures = {path: version_of(path) for path in order.job.inputs}
        call = worker.handle.animate.remote(order, model, signatures, worker.received, files, *contents)
        self._waiting[call] = worker

    def _take(self, work: Work, worker: _Worker, reference: Any) -> None:
        """Takes the answer of a worker."""
        try:
            answer = ray.get(reference)
        except RayError as error:  # also if it was killed for lack of memory, or its answer is lost with its node
            self._lose(work, worker, error)
            return
        match answer:
            case Described():
                self._welcome(worker, answer)
            case Lacking():
                self._supply(work, worker, answer)
            case _:
                self._end(work, worker, answer)

    def _welcome(self, worker: _Worker, described: Described) -> None:
        if described.version != __version__:
            raise BatchError(other_version(described.name, described.version))
        worker.described = described
        self._idle.append(worker)

    def _supply(self, work: Work, worker: _Worker, lacking: Lacking) -> None:
        """Sends a worker what it lacks. If it was sent before, the job fails: it would be sent without end."""
        again = [path for path in lacking.inputs if path in worker.received]
        again += ["the model"] * (lacking.model and worker.has_received_model)
        if again:
            told = (
                f"{', '.join(again)} was sent to {worker.where}, which cannot find it; check the disk of that machine"
            )
            self._end(work, worker, Failed(told))
            return
        worker.received += lacking.inputs
        worker.has_received_model |= lacking.model
        self._submit(work, worker)

    def _end(self, work: Work, worker: _Worker, answer: Made | Failed) -> None:
        """Takes how the job of a worker ended."""
        assert worker.job is not None
        taken, order = worker.job
        if isinstance(answer, Made) and answer.files is not None:
            try:
                place_results(order.job.outputs, answer.files)
            except (FommError, OSError) as error:
                answer = Failed(failure_of(error).sentence)
        worker.job = None
        self._idle.append(worker)
        if isinstance(answer, Made):
            work.end(Outcome(taken, answer.animated, where=worker.where))
        else:
            work.end(Outcome(taken, error=answer.error, where=worker.where))

    def _lose(self, work: Work, worker: _Worker, error: RayError) -> None:
        """Handles the end of a worker or its machine."""
        with suppress(RayError):
            ray.kill(worker.handle)  # it may live, where only its answer is lost
        if isinstance(error, ObjectLostError):
            self._store.forget()
        if worker.job is None:
            self._start_again(work, worker, error)
            return
        taken, order = worker.job
        remove_leftovers_of(order.job)
        if taken.attempts < ATTEMPTS:
            work.say(f"{Path(order.job.output).name}: its worker on {worker.where} has ended; it runs again")
            work.put_back(taken)
            self._is_done = False
        else:
            told = f"its worker ended {ATTEMPTS} times, at last on {worker.where} ({first_line(error)})"
            work.end(Outcome(taken, error=f"{told}; perhaps for lack of memory", where=worker.where))
        self._start(work)

    def _start_again(self, work: Work, worker: _Worker, error: RayError) -> None:
        """Starts a worker again that never answered. After some times the others do its jobs, if there are any."""
        if worker.starts < STARTS:
            self._start(work, worker.starts + 1)
        elif not self._waiting and not self._idle:
            raise BatchError(f"workers cannot be started on the cluster: {first_line(error)}")

    def _end_workers(self) -> None:
        """Ends all workers. Those with a job are asked first, so that they remove what they have begun."""
        busy = {call: worker for call, worker in self._waiting.items() if worker.job is not None}
        with suppress(RayError):
            for worker in busy.values():
                worker.handle.cancel.options(concurrency_group=CONTROL).remote()
            _wait_for_all(busy, CANCEL_S)
        for worker in {*self._waiting.values(), *self._idle}:
            with suppress(RayError):
                ray.kill(worker.handle)
        with suppress(RayError):
            _wait_for_all(busy, KILL_S)
        for worker in busy.values():
            assert worker.job is not None
            remove_leftovers_of(worker.job[1].job)
        self._waiting.clear()
        self._idle.clear()


def _wait_for_all(calls: dict[Any, _Worker], timeout_s: float) -> None:
    if calls:
        ray.wait(list(calls), num_returns=len(calls), timeout=timeout_s)


def other_version(machine: str, version: str | None) -> str:
    """What is wrong with a machine that has another version of this package, or none."""
    found = "no fomm-rt" if version is None else f"fomm-rt {version}"
    return f"{machine} has {found}, this machine {__version__}; install the same version on all machines of the cluster"
