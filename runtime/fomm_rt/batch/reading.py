"""Reads the jobs that a path stands for: a table of them, or a folder of pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fomm_rt.batch.picture_folder import jobs_of_folder
from fomm_rt.batch.table import Faults, Placed, read_table
from fomm_rt.errors import BatchError


@dataclass(frozen=True)
class ReadJobs:
    """Jobs.

    Attributes:
        placed: The jobs.
        inputs: The folder that their inputs are relative to.
        passed_over: Number of files in the folder that are no pictures.
    """

    placed: list[Placed]
    inputs: Path
    passed_over: int = 0


def read_jobs(path: Path, driving: Path | None, defaults: Mapping[str, Any], ending: str) -> ReadJobs:
    """Reads jobs.

    Args:
        path: A table, or a folder of pictures.
        driving: The driver of jobs that name none, relative to the current folder.
        defaults: Field of a job -> value, for jobs without one of their own.
        ending: Of results without a name, such as ".mp4".

    Raises:
        BatchError: They cannot be read, or have faults.
    """
    if driving is not None:
        defaults = {**defaults, "driving": os.path.abspath(driving)}  # noqa: PTH100  keeps what an address looks like
    if path.is_dir():
        if driving is None:
            told = f"{path} is a folder of pictures; name their driver too: fomm-rt batch {path} DRIVING -o OUT"
            raise BatchError(told)
        placed, passed_over = jobs_of_folder(path, defaults, ending)
        return ReadJobs(placed, path, passed_over)
    faults = Faults(str(path))
    placed = read_table(path, defaults, ending, faults)
    faults.check()
    return ReadJobs(placed, path.parent)
