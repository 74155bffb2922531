"""What must hold for the jobs of a run together, before the first of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from fomm_rt.batch.job import check_options
from fomm_rt.batch.table import Faults, Placed
from fomm_rt.errors import OutputError
from fomm_rt.files.hidden_folder import PREFIX
from fomm_rt.files.staging import check_target
from fomm_rt.media.write.video_writer import VideoTarget

JOURNAL_NAME, SUMMARY_NAME = "journal.jsonl", "summary.json"


def check_jobs(placed: Sequence[Placed], inputs: Path, outputs: Path, faults: Faults) -> None:
    """Adds to `faults`: options that exclude each other, results outside the folder, two jobs with one result.

    Args:
        placed: The jobs.
        inputs, outputs: The folders that their paths are relative to.
        faults: Takes what is wrong.
    """
    used = {_same_path(inputs / each) for one in placed for each in one.job.inputs}
    taken: dict[str, str] = {}
    for one in placed:
        try:
            check_options(one.job)
        except ValueError as error:
            faults.add(one.where, str(error))
        for column, name in (("output", one.job.output), ("save_motion", one.job.motion_output)):
            if name is None:
                continue
            where = f"{one.where}, column {column}"
            key = _same_path(outputs / name)
            sentence = _fault_of(name, outputs, column == "save_motion")
            if sentence is not None:
                faults.add(where, sentence)
            elif key in taken:
                faults.add(where, f"{taken[key]} has the same result, {name}; give each a name of its own")
            elif key in used:
                faults.add(where, f"{name} is also an input, which would be lost; choose another name")
            else:
                taken[key] = one.where


def _fault_of(name: str, outputs: Path, is_motion: bool) -> str | None:
    """What is wrong with the name of a result by itself."""
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts:
        return f"expected a name inside the folder of results; got {name!r}"
    if name in (JOURNAL_NAME, SUMMARY_NAME) or path.name.startswith(PREFIX):
        return f"{name} is a file of the batch itself; choose another name"
    if is_motion and path.suffix.lower() != ".npz":
        return f"expected a motion file to end in .npz; got {name!r}"
    try:
        if is_motion:
            check_target(outputs / name)
        else:
            VideoTarget(outputs / name)
    except OutputError as error:
        return str(error)
    return None


def _same_path(path: Path) -> str:
    return os.path.normcase(os.path.normpath(path.absolute()))
