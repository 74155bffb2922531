"""Runs jobs: compares them with the journal, lets a pool do the rest, and writes down how each ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter

import msgspec
from typing_extensions import override

from fomm_rt.batch.animation import Order
from fomm_rt.batch.checks import SUMMARY_NAME, check_jobs, check_texts
from fomm_rt.batch.identity import Identities
from fomm_rt.batch.job import Job, JobResult
from fomm_rt.batch.journal import Entry, Journal, open_journal, read_entries
from fomm_rt.batch.plan import Plan, Run, check_models, make_plan, with_results
from fomm_rt.batch.pool import Outcome, Pool, Work
from fomm_rt.batch.run_journal import RunJournal
from fomm_rt.batch.schedule import DriverKey, Schedule, Taken
from fomm_rt.batch.summary import is_foreign, write_summary
from fomm_rt.batch.table import Faults, Placed
from fomm_rt.errors import BatchError, OutputError
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import reporting_failures
from fomm_rt.workers.messages import LoadOptions

JobProgress = Callable[[Job, str, int, "int | None"], None]
"""Called with a job, the name of its step, the frames done and, where known, all frames."""

STOP_S = 20.0
"""How long the end of a run waits for what does its jobs."""


@dataclass(frozen=True)
class Batch:
    """Jobs, and how they are run.

    Attributes:
        placed: The jobs.
        inputs, outputs: The folders that their paths are relative to.
        load: The model of jobs that name none, and what runs it.
        make_pool: Called with the number of jobs to do and the model's options; returns what does them, and the options
            for it.
        retry_failed: True to try jobs again that failed in an earlier run.
        overwrite: What happens to files that results would replace and that no run made.
        progress: Takes the frames of jobs that are under way.
        say: Takes sentences about the run.
        name: What the jobs are, for messages.
        table: The file that the jobs were read from.
    """

    placed: Sequence[Placed]
    inputs: Path
    outputs: Path
    load: LoadOptions
    make_pool: Callable[[int, LoadOptions], tuple[Pool, LoadOptions]]
    retry_failed: bool = False
    overwrite: Overwrite = False
    progress: JobProgress | None = None
    say: Callable[[str], None] = lambda _sentence: None
    name: str = "the jobs"
    table: Path | None = None
    _identities: Identities = field(init=False)

    def __post_init__(self) -> None:
        settings = {"backend": self.load.backend, "precision": self.load.precision}
        object.__setattr__(self, "_identities", Identities(settings))

    @property
    def run(self) -> Run:
        """The jobs with their paths."""
        jobs = [one.job for one in self.placed]
        inputs, outputs = self.inputs.absolute(), self.outputs.absolute()
        return Run(jobs, [job.located(inputs, outputs) for job in jobs], self.load.model)

    def check(self) -> None:
        """Checks the jobs together.

        Raises:
            BatchError: They have faults, or there are none.
            ModelError: The model of jobs that name none cannot be opened.
        """
        if not self.placed:
            raise BatchError(f"{self.name}: expected at least one job; got none")
        faults = Faults(self.name)
        options = (("the model", self.load.model or ""), ("the engines", self.load.engines or ""))
        check_texts(options, faults)
        check_jobs(self.placed, self.inputs, self.outputs, faults, self.table)
        faults.check()
        check_models(self.run, self.placed, self._identities, faults)
        faults.check()

    def plan(self) -> Plan:
        """What a run would do; changes nothing."""
        return self._plan(self.run, read_entries(self.outputs))

    def _plan(self, run: Run, entries: Mapping[str, Entry]) -> Plan:
        plan = make_plan(run, entries, self._identities, self.retry_failed)
        summary = self.outputs / SUMMARY_NAME
        if is_foreign(summary) and not entries:
            plan.foreign.append(summary)
        return plan

    def missing_inputs(self, plan: Plan) -> Iterator[str]:
        """Sentences about inputs of jobs to do that are not there."""
        to_make = set(plan.to_make)
        for index, job in enumerate(self.run.located):
            if index in to_make:
                for path in dict.fromkeys(job.inputs):
                    if not Path(path).exists():
                        yield f"{self.placed[index].where}: there is no {path}; the job would fail"

    def results(self) -> Generator[JobResult, None, None]:
        """Runs the jobs. Yields those first that need not be made, then the others as they end.

        Closing the iterator ends the run. The summary is written in any case.

        Raises:
            OutputError: Another run writes to the folder; a result would replace a file that no run made; or the
                journal or the summary cannot be written.
            BatchError: What does the jobs cannot be started, or failed.
        """
        run, start = self.run, perf_counter()
        with open_journal(self.outputs) as journal:
            plan = self._plan(run, journal.entries)
            check_overwrite(plan.foreign, self.overwrite)
            # Before the summary of an earlier run is replaced: a cluster may not be there.
            made = self.make_pool(len(plan.to_make), self.load) if plan.to_make else None
            known = dict(plan.ended)
            has_failed = True
            try:
                yield from plan.ended.values()
                if made is not None:
                    yield from self._made(run, plan, journal, known, *made)
                has_failed = False
            finally:
                if made is not None:
                    made[0].stop()
                ended = with_results(run.jobs, known.items())
                if has_failed:
                    with suppress(OutputError):  # what ended the run matters more
                        write_summary(self.outputs, ended, perf_counter() - start)
                else:
                    write_summary(self.outputs, ended, perf_counter() - start)

    def _made(
        self, run: Run, plan: Plan, journal: Journal, known: dict[int, JobResult], pool: Pool, load: LoadOptions
    ) -> Iterator[JobResult]:
        with ExitStack() as opened:
            with reporting_failures(self.outputs):
                remove_leftovers(self.outputs)
                shared = opened.enter_context(HiddenFolder(self.outputs.absolute()))
            work = _Work(run, plan, journal, self._identities, load, shared.new, self.progress is not None)
            yield from self._done(run, work, pool, known)

    def _done(self, run: Run, work: _Work, pool: Pool, known: dict[int, JobResult]) -> Iterator[JobResult]:
        thread = threading.Thread(target=work.do_all, args=(pool,), name="fomm-rt batch", daemon=True)
        try:
            thread.start()
            while (news := work.news.get()) is not None:
                match news:
                    case BaseException():
                        raise news
                    case str():
                        self.say(news)
                    case (taken, stage, done, total):
                        assert self.progress is not None
                        self.progress(run.jobs[taken.index], stage, done, total)
                    case (index, result):
                        known[index] = result
                        yield result
        finally:
            pool.stop()
            if thread.is_alive():
                thread.join(STOP_S)
            with suppress(Empty):
                while True:
                    match work.news.get_nowait():
                        case (int() as index, JobResult() as result):
                            known[index] = result


_News = tuple[int, JobResult] | tuple[Taken, str, int, "int | None"] | str | BaseException | None


class _Work(Work):
    """The jobs of a run. What happens goes to `news`, which ends with None or an exception."""

    def __init__(
        self,
        run: Run,
        plan: Plan,
        journal: Journal,
        identities: Identities,
        load: LoadOptions,
        shared: Path,
        has_progress: bool,
    ) -> None:
        self.shared = shared
        self.news: SimpleQueue[_News] = SimpleQueue()
        self._run = run
        self._schedule = Schedule(run.located, plan.to_make, run.model_of)
        self._journal = RunJournal(journal, run, plan)
        self._identities = identities
        self._load = load
        self._has_progress = has_progress

    def do_all(self, pool: Pool) -> None:
        """Lets a pool do the jobs."""
        try:
            pool.run(self)
        except BaseException as error:
            self.news.put(error)
        else:
            self.news.put(None)

    @override
    def take(self, last: DriverKey | None) -> tuple[Taken, Order] | None:
        taken = self._schedule.take(last)
        if taken is None:
            return None
        model, job = self._run.model_of(taken.index), self._run.located[taken.index]
        # Before the job reads its inputs: if they change meanwhile, the next run makes the result again.
        self._journal.begin(taken.index, self._identities.of(job, model))
        load, recordings = msgspec.structs.replace(self._load, model=model), str(self.shared)
        return taken, Order(load=load, job=job, recordings=recordings if taken.is_shared else None)

    @override
    def put_back(self, taken: Taken) -> None:
        self._schedule.put_back(taken)

    @override
    def end(self, outcome: Outcome) -> None:
        index = outcome.taken.index
        entry = self._journal.end(index, outcome.animated, outcome.error)
        result = JobResult(
            job=self._run.jobs[index],
            state="failed" if entry.animated is None else "made",
            animated=entry.animated,
            error=entry.error,
            attempts=outcome.taken.attempts,
            where=outcome.where,
        )
        self.news.put((index, result))

    @override
    def tell(self, taken: Taken, stage: str, done: int, total: int | None) -> None:
        if self._has_progress:
            self.news.put((taken, stage, done, total))

    @override
    def say(self, sentence: str) -> None:
        self.news.put(sentence)
