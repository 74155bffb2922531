"""Files that a worker left beside its results when it was killed."""

from __future__ import annotations

from pathlib import Path

from fomm_rt.batch.job import Job
from fomm_rt.files.leftovers import remove_leftovers


def remove_leftovers_of(job: Job) -> None:
    """Finishes or removes what ended processes left in the folders of a job's results. It never fails."""
    for folder in dict.fromkeys(Path(output).parent for output in job.outputs):
        remove_leftovers(folder)
