"""The process that does jobs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from fomm_rt.batch.animation import JobAnimator, Order
from fomm_rt.batch.job import Animated
from fomm_rt.workers.messages import Cancel, Task
from fomm_rt.workers.reporting import ReportedProgress
from fomm_rt.workers.worker_process import Reporter, serve


class AnimateJob(Task, tag=True):
    """Does a job; the answer is an `Animated`."""

    order: Order


class JobWorker:
    """Does the jobs of tasks."""

    def __init__(self) -> None:
        self._animate = JobAnimator()

    def __call__(self, task: Task, report: Reporter) -> Animated:
        """Does a job. Raises FommError as `animate_file` does."""
        if not isinstance(task, AnimateJob):
            raise TypeError(f"expected a job; got {type(task).__name__}")
        return self._animate(task.order, ReportedProgress(task.number, report))


def main() -> None:
    """Runs the process."""
    serve(JobWorker(), ThreadPoolExecutor(1), AnimateJob | Cancel)


if __name__ == "__main__":
    main()
