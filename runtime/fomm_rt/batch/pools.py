"""Chooses what does the jobs: worker processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from fomm_rt.batch.local_pool import LocalPool
from fomm_rt.batch.local_workers import choose_workers
from fomm_rt.batch.pool import Pool
from fomm_rt.errors import BatchError
from fomm_rt.workers.messages import LoadOptions


@dataclass(frozen=True)
class PoolOptions:
    """What the user chose: for the attributes see `animate_many`."""

    workers: int | None = None
    ray: str | None = None
    num_cpus: float | None = None
    num_gpus: float | None = None
    is_verbose: bool = False


def pool_maker(options: PoolOptions) -> Callable[[int, LoadOptions], tuple[Pool, LoadOptions]]:
    """What makes a pool for a number of jobs and a model's options.

    Args:
        options: What the user chose.

    Raises:
        BatchError: Options that belong to a cluster were given without one.
    """
    if options.ray is None and (options.num_cpus is not None or options.num_gpus is not None):
        raise BatchError(
            "num_cpus and num_gpus divide a cluster among workers; give its address with ray, or leave them out"
        )

    def make(jobs: int, load: LoadOptions) -> tuple[Pool, LoadOptions]:
        if options.ray is not None:
            from fomm_rt.batch.ray_cluster.connect import RayOptions, connect

            cluster = RayOptions(options.ray, options.workers, options.num_cpus, options.num_gpus)
            return connect(cluster, jobs, load)
        workers = choose_workers(options.workers, jobs, load.backend, load.threads)
        load = msgspec.structs.replace(load, threads=workers.threads)
        return LocalPool(workers.environments, options.is_verbose), load

    return make
