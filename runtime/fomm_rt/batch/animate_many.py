"""Many pictures by many drivers: `animate_many`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from pathlib import Path

import msgspec

from fomm_rt.backends.options import BackendName
from fomm_rt.batch.job import Job, JobResult, checked_types
from fomm_rt.batch.pools import PoolOptions, pool_maker
from fomm_rt.batch.run import Batch, JobProgress
from fomm_rt.batch.table import Faults, Placed
from fomm_rt.files.overwriting import Overwrite
from fomm_rt.model.precision import Precision
from fomm_rt.workers.messages import LoadOptions


def animate_many(
    jobs: Iterable[Job],
    output: str | PathLike[str],
    *,
    model: str | PathLike[str] | None = None,
    backend: BackendName = "auto",
    precision: Precision | None = None,
    engines: str | PathLike[str] | None = None,
    threads: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    retry_failed: bool = False,
    overwrite: Overwrite = False,
    progress: JobProgress | None = None,
) -> Iterator[JobResult]:
    """Animates many pictures, and goes on where an earlier call ended.

        jobs = [Job(source=picture, driving="talk.mp4", output=f"{picture.stem}.mp4") for picture in pictures]
        for result in animate_many(jobs, "out"):
            print(result.job.output, result.state, result.error or "")

    Jobs are done in worker processes, or on a Ray cluster. A job that fails, or whose process crashes, does not stop
    the others. Jobs with one driver share its keypoints. Every result is that of `animate_file`, bit by bit.

    A journal in the folder says what was made from which inputs with which options: what is there and whole is not made
    again, and what failed is not tried again without `retry_failed`. Closing the iterator, or leaving the loop, ends
    the run; the next call goes on.

    Args:
        jobs: The jobs. Their inputs, and models that are paths, are relative to the current folder.
        output: The folder of results, of the journal (journal.jsonl) and of a summary (summary.json).
        model: The model of jobs that name none; as in `Animator.load`.
        backend, precision, engines: As in `Animator.load`.
        threads: CPU threads within a network; by default the workers share the cores.
        workers: The number of workers: by default one a core on a CPU, one a GPU otherwise, and as many as fit into a
            cluster.
        ray: The address of a Ray cluster, HOST:PORT, or "auto" for the one that this machine belongs to. Needs the
            extra `ray`.
        num_cpus, num_gpus: What each worker of a cluster gets: by default one core, and a GPU if the cluster has any.
        retry_failed: True to try jobs again that failed before.
        overwrite: What happens to files that are in the way and that no run made, see `animate_file`.
        progress: Called with a job, the name of its step, the frames done and, where known, all frames.

    Yields:
        Results: first of jobs that need not be done, then of others as they end.

    Raises:
        BatchError: The jobs have faults, or the cluster cannot be used.
        ModelError: The model of jobs that name none cannot be opened.
        OutputError: Files are in the way, another run writes to the folder, or the journal cannot be written.
    """
    faults = Faults("the jobs")
    placed = []
    for number, job in enumerate(jobs, start=1):
        try:
            placed.append(Placed(checked_types(msgspec.to_builtins(job)), f"job {number}"))
        except ValueError as error:
            faults.add(f"job {number}", str(error))
    faults.check()
    load = LoadOptions(
        None if model is None else fspath(model),
        backend,
        precision,
        None if engines is None else str(Path(engines).absolute()),
        threads,
    )
    options = PoolOptions(workers, ray, num_cpus, num_gpus)
    batch = Batch(placed, Path(), Path(output), load, pool_maker(options), retry_failed, overwrite, progress)
    batch.check()
    return batch.results()
