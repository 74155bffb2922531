"""How many worker processes a machine gets, and what each may use."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fomm_rt.errors import BatchError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.memory import allowed_bytes
from fomm_rt.machine.processor import allowed_cores

WORKER_BYTES = 1 << 30
"""Memory set aside for a worker that computes on the CPU."""
MOST_WORKERS = 256
_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class LocalWorkers:
    """The workers of a machine.

    Attributes:
        environments: Further variables of the environment of each.
        threads: CPU threads within a network; None for the backend's choice.
    """

    environments: tuple[dict[str, str], ...]
    threads: int | None


def choose_workers(wanted: int | None, jobs: int, backend: str, threads: int | None) -> LocalWorkers:
    """Chooses the number of workers.

    On a CPU, as many workers as cores with a thread each finish more jobs than few workers with many threads: see
    docs/batch.md. On GPUs, a worker for each of them fills it, and further ones take turns.

    Args:
        wanted: The number, as the user chose it.
        jobs: The number of jobs.
        backend: As in `Animator.load`.
        threads: As the user chose it.

    Raises:
        BatchError: The number is not from 1 to 256.
    """
    if wanted is not None and not 1 <= wanted <= MOST_WORKERS:
        raise BatchError(f"expected 1 to {MOST_WORKERS} workers; got {wanted}")
    gpus = _visible_gpus() if backend not in ("cpu", "onnxruntime-cpu") and nvidia_driver.is_installed() else []
    if gpus:
        count = min(wanted or len(gpus), max(jobs, 1))
        return LocalWorkers(tuple({_VISIBLE: gpus[index % len(gpus)]} for index in range(count)), threads)
    cores = allowed_cores()
    if wanted is None:
        fitting = (allowed_bytes() or cores * WORKER_BYTES) // WORKER_BYTES
        wanted = max(1, min(cores // (threads or 1), fitting, MOST_WORKERS))
    count = min(wanted, max(jobs, 1))
    return LocalWorkers(({},) * count, threads or max(1, cores // count))


def _visible_gpus() -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` calls each GPU of this process."""
    count = nvidia_driver.count()
    named = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
    return named[:count] if named else [str(number) for number in range(count)]
