"""Decides what is to be done: which results are there and whole, which jobs failed before, which are to be made."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fomm_rt.batch.identity import Identities, digest_of, is_whole, result_files
from fomm_rt.batch.job import Job, JobResult
from fomm_rt.batch.journal import Entry
from fomm_rt.batch.table import Faults, Placed
from fomm_rt.errors import ModelError


@dataclass(frozen=True)
class Run:
    """The jobs of a run.

    Attributes:
        jobs: As they were given.
        located: The same with absolute paths.
        model: The model of jobs that name none.
    """

    jobs: Sequence[Job]
    located: Sequence[Job]
    model: str | None

    def model_of(self, index: int) -> str | None:
        """The model of a job."""
        return self.located[index].model or self.model


@dataclass
class Plan:
    """What is to be done.

    Attributes:
        ended: Number of a job -> its result, for those that are not tried.
        to_make: Numbers of the others, in order.
        foreign: Files that results would replace and that no run has made.
    """

    ended: dict[int, JobResult] = field(default_factory=dict)
    to_make: list[int] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)


def make_plan(run: Run, entries: Mapping[str, Entry], identities: Identities, retry_failed: bool) -> Plan:
    """Compares jobs with the journal.

    Args:
        run: The jobs.
        entries: Result -> what the journal says of it.
        identities: Tells the jobs' identities.
        retry_failed: True to try jobs again that failed.

    Raises:
        ModelError: A model cannot be opened.
    """
    plan = Plan()
    for index, (job, located) in enumerate(zip(run.jobs, run.located, strict=True)):
        entry = entries.get(job.output)
        how = _compare(located, entry, identities, run.model_of(index))
        if entry is not None and how == "present":
            plan.ended[index] = JobResult(job=job, state="present", animated=entry.animated)
        elif entry is not None and how == "failed" and not retry_failed:
            plan.ended[index] = JobResult(job=job, state="failed", error=entry.error)
        else:
            plan.to_make.append(index)
            plan.foreign += _foreign_files(located, entry)
    return plan


def _compare(
    job: Job, entry: Entry | None, identities: Identities, model: str | None
) -> Literal["present", "failed", "outdated"]:
    if entry is None or not entry.has_ended or entry.identity != identities.of(job, model):
        return "outdated"
    if entry.files is None:
        return "failed"
    return "present" if is_whole(job, entry.files) else "outdated"


def _foreign_files(job: Job, entry: Entry | None) -> list[Path]:
    """Files that a job's result would replace and that no run made."""
    files = result_files(job)
    if entry is None:
        return files
    if not entry.has_ended or (entry.files is not None and is_whole(job, entry.files)):
        return []
    known = set(entry.digests)
    return [file for file in files if not _is_known(file, known)]


def _is_known(file: Path, known: Container[bytes]) -> bool:
    """True for a file that a run made; after a power failure it may be empty."""
    try:
        return file.stat().st_size == 0 or digest_of(file) in known
    except OSError:
        return False


def check_models(run: Run, placed: Sequence[Placed], identities: Identities, faults: Faults) -> None:
    """Opens every model once.

    Args:
        run: The jobs.
        placed: The same, with the place where each was written.
        identities: Opens the models.
        faults: Takes what is wrong with models that jobs name.

    Raises:
        ModelError: The model of jobs that name none cannot be opened.
    """
    wrong: dict[str, str | None] = {}
    for one, job in zip(placed, run.located, strict=True):
        if job.model is None:
            continue
        if job.model not in wrong:
            try:
                identities.check_model(job.model)
                wrong[job.model] = None
            except ModelError as error:
                wrong[job.model] = str(error)
        if (sentence := wrong[job.model]) is not None:
            faults.add(f"{one.where}, column model", sentence)
    if any(job.model is None for job in run.located):
        identities.check_model(run.model)


def with_results(jobs: Sequence[Job], results: Iterable[tuple[int, JobResult]]) -> list[JobResult]:
    """The results of all jobs, in their order; "not made" for those without one."""
    known = dict(results)
    return [known.get(index) or JobResult(job=job, state="not made") for index, job in enumerate(jobs)]
