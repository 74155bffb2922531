"""Hands jobs to the machines of a cluster. What was running on a machine that is lost runs again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from typing_extensions import override

from fomm_rt.batch.animation import Order
from fomm_rt.batch.pool import Outcome, Pool, Work
from fomm_rt.batch.ray_cluster.actor import Described, Failed, Lacking, Made, RayWorker
from fomm_rt.batch.ray_cluster.library import RayActorError, RayError, ray
from fomm_rt.batch.ray_cluster.shipping import (
    ModelReference,
    model_files,
    place_results,
    read_to_send,
    refer_to_model,
    signature,
)
from fomm_rt.batch.schedule import DriverKey, Taken
from fomm_rt.errors import BatchError, OutputError, first_line
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.staging import reporting_failures
from fomm_rt.version import __version__

ATTEMPTS = 3
"""How often a job is tried whose worker ends."""
LOOK_S = 0.3
"""How often a run looks if it is stopped."""
PATIENCE_S = 10.0
"""After which a run without a worker says what it waits for."""
MOST_FAILED_STARTS = 3


@dataclass(eq=False)
class _Worker:
    """A worker of the cluster, and what it does.

    Attributes:
        handle: Ray's.
        described: The machine; None before it has answered.
        job: What it does.
        last: The key of its last job.
    """

    handle: Any
    described: Described | None = None
    job: tuple[Taken, Order] | None = None
    last: DriverKey | None = None


class RayPool(Pool):
    """Workers on a cluster.

    Args:
        count: The number of workers.
        num_cpus, num_gpus: What each gets.
        outputs: The folder of results.
        close: Called at the end.
    """

    def __init__(self, count: int, num_cpus: float, num_gpus: float, outputs: Path, close: Any) -> None:
        self._count = count
        self._make = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_restarts=0, max_task_retries=0)(RayWorker)
        self._outputs = outputs
        self._close = close
        self._stopped = Event()
        self._waiting: dict[Any, _Worker] = {}
        self._idle: list[_Worker] = []
        self._models: dict[str | None, ModelReference] = {}
        self._sent_models: dict[ModelReference, Any] = {}
        self._sent: dict[str, tuple[Any, Any]] = {}
        self._failed_starts = 0
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
        with reporting_failures(self._outputs), HiddenFolder(self._outputs) as beacon:
            try:
                self._run(work, str(beacon.new))
            except RayError as error:
                raise BatchError(f"the Ray cluster failed: {first_line(error)}") from error
            finally:
                for worker in {*self._waiting.values(), *self._idle}:
                    ray.kill(worker.handle)
                self._waiting.clear()
                self._idle.clear()
                self._close()

    def _run(self, work: Work, beacon: str) -> None:
        for _ in range(self._count):
            self._start(beacon)
        since = monotonic()
        has_told = False
        while not self._stopped.is_set():
            self._assign(work)
            if not any(worker.job for worker in self._waiting.values()) and self._is_done:
                return
            ready, _ = ray.wait(list(self._waiting), num_returns=1, timeout=LOOK_S)
            for reference in ready:
                self._take(work, beacon, self._waiting.pop(reference), reference)
            is_waiting = all(worker.described is None for worker in (*self._waiting.values(), *self._idle))
            since = since if is_waiting else monotonic()
            if is_waiting and not has_told and monotonic() - since > PATIENCE_S:
                has_told = True
                work.say("waiting for the cluster to give a worker what it needs; Ctrl-C ends the run")

    def _assign(self, work: Work) -> None:
        """Gives jobs to workers that have none."""
        for worker in list(self._idle):
            given = work.take(worker.last)
            worker.last = None
            self._is_done = given is None
            if given is None:
                return
            self._idle.remove(worker)
            worker.job, worker.last = given, given[0].key
            self._submit(worker, [], None)

    def _submit(self, worker: _Worker, received: list[str], files: Any) -> None:
        assert worker.job is not None
        order = worker.job[1]
        reference = self._model(order.load.model)
        signatures = {path: signature(path) for path in order.job.inputs}
        contents = [self._content(path) for path in received]
        call = worker.handle.animate.remote(order, reference, signatures, received, files, *contents)
        self._waiting[call] = worker

    def _take(self, work: Work, beacon: str, worker: _Worker, reference: Any) -> None:
        """Takes the answer of a worker."""
        try:
            answer = ray.get(reference)
        except RayActorError as error:
            self._lose(work, beacon, worker, error)
            return
        if isinstance(answer, Described):
            self._welcome(worker, answer)
            return
        assert worker.job is not None
        taken, order = worker.job
        try:
            if isinstance(answer, Lacking):
                files = self._model_content(self._model(order.load.model)) if answer.model else None
                self._submit(worker, [*answer.inputs], files)
                return
            if isinstance(answer, Made) and answer.files is not None:
                place_results(order.job.outputs, answer.files)
        except (BatchError, OutputError) as error:
            answer = Failed(str(error))
        worker.job = None
        self._idle.append(worker)
        assert worker.described is not None
        where = worker.described.name
        if isinstance(answer, Made):
            work.end(Outcome(taken, answer.animated, where=where))
        else:
            work.end(Outcome(taken, error=answer.error, where=where))

    def _start(self, beacon: str) -> None:
        worker = _Worker(self._make.remote(beacon))
        self._waiting[worker.handle.describe.remote()] = worker

    def _welcome(self, worker: _Worker, described: Described) -> None:
        if described.version != __version__:
            raise BatchError(other_version(described.name, described.version))
        self._failed_starts = 0
        worker.described = described
        self._idle.append(worker)

    def _lose(self, work: Work, beacon: str, worker: _Worker, error: Exception) -> None:
        """Handles the end of a worker or its machine."""
        if worker.job is None:
            self._failed_starts += 1
            if self._failed_starts >= MOST_FAILED_STARTS:
                raise BatchError(f"workers cannot be started on the cluster: {first_line(error)}")
        else:
            taken, order = worker.job
            where = "a machine" if worker.described is None else worker.described.name
            if taken.attempts < ATTEMPTS:
                work.say(f"{Path(order.job.output).name}: its worker on {where} has ended; it runs again")
                work.put_back(taken)
                self._is_done = False
            else:
                told = f"its worker ended {ATTEMPTS} times, at last on {where}; perhaps for lack of memory"
                work.end(Outcome(taken, error=told, where=where))
        self._start(beacon)

    def _model(self, model: str | None) -> ModelReference:
        if model not in self._models:
            self._models[model] = refer_to_model(model)
        return self._models[model]

    def _model_content(self, reference: ModelReference) -> Any:
        if reference not in self._sent_models:
            self._sent_models[reference] = ray.put(model_files(reference))
        return self._sent_models[reference]

    def _content(self, path: str) -> Any:
        """An input in the object store; the last few stay there, for the jobs that have the same driver."""
        known = signature(path)
        if path not in self._sent or self._sent[path][0] != known:
            while len(self._sent) >= 2 * self._count + 2:
                self._sent.pop(next(iter(self._sent)))
            self._sent[path] = known, ray.put(read_to_send(path))
        return self._sent[path][1]


def other_version(machine: str, version: str | None) -> str:
    """What is wrong with a machine that has another version of this package, or none."""
    found = "no fomm-rt" if version is None else f"fomm-rt {version}"
    return f"{machine} has {found}, this machine {__version__}; install the same version on all machines of the cluster"
