"""What a worker process reports about a clip that it animates."""

from __future__ import annotations

from time import monotonic

from fomm_rt.workers.messages import Progress
from fomm_rt.workers.worker_process import Reporter

REPORT_S = 0.2
"""Progress is reported so often, and at each new step."""


class ReportedProgress:
    """Reports the frames that are done, a few times a second."""

    def __init__(self, number: int, report: Reporter) -> None:
        self._number = number
        self._report = report
        self._stage = ""
        self._next_s = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Takes what `animate_file` says. Raises CancelledTask if the task has been cancelled."""
        now = monotonic()
        if stage == self._stage and now < self._next_s and done != total:
            self._report.check()
            return
        self._stage, self._next_s = stage, now + REPORT_S
        self._report(Progress(self._number, stage, done, total))
