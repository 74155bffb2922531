"""What must hold for the jobs of a run together, before the first of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from fomm_rt.batch.job import Job, check_options
from fomm_rt.batch.real_paths import RealPaths
from fomm_rt.batch.table import Faults, Placed
from fomm_rt.batch.taken_patterns import TakenPatterns
from fomm_rt.errors import OutputError
from fomm_rt.files.hidden_folder import PREFIX
from fomm_rt.files.staging import check_target
from fomm_rt.media.write.picture_sequence import is_pattern, may_overwrite
from fomm_rt.media.write.video_writer import VideoTarget

JOURNAL_NAME, SUMMARY_NAME = "journal.jsonl", "summary.json"


def check_jobs(
    placed: Sequence[Placed], inputs: Path, outputs: Path, faults: Faults, table: Path | None = None
) -> None:
    """Adds to `faults`: options that exclude each other, results outside the folder, two jobs with one result.

    Args:
        placed: The jobs.
        inputs, outputs: The folders that their paths are relative to.
        faults: Takes what is wrong.
        table: The file that the jobs were read from.
    """
    check_texts((("folder of inputs", str(inputs.absolute())), ("folder of results", str(outputs.absolute()))), faults)
    readable = [one for one in placed if check_texts(_paths_of(one), faults)]
    files = [inputs / each for one in readable for each in one.job.inputs]
    results = _Results(outputs, files if table is None else [*files, table])
    if table is not None and (name := results.own_file(table)) is not None:
        faults.add("the table", f"it is the {name} of the folder of results; choose another name or another folder")
    for one in readable:
        try:
            check_options(one.job)
        except ValueError as error:
            faults.add(one.where, str(error))
        for column, name in _outputs_of(one.job):
            sentence = _fault_of(name, outputs, column == "save_motion") or results.take(name, one.where)
            if sentence is not None:
                faults.add(f"{one.where}, column {column}", sentence)


def check_texts(named: Iterable[tuple[str, str]], faults: Faults) -> bool:
    """Adds paths to `faults` that no message or journal can hold; returns True if there are none.

    Args:
        named: Where a path stands, and the path.
        faults: Takes what is wrong.
    """
    is_right = True
    for where, path in named:
        try:
            if "\0" not in path.encode().decode():
                continue
            faults.add(where, f"expected a path; got {path!r}")
        except UnicodeEncodeError:
            faults.add(where, f"expected a path in UTF-8; got {path!r}; rename it")
        is_right = False
    return is_right


def _paths_of(one: Placed) -> Iterator[tuple[str, str]]:
    job = one.job
    columns = [("source", job.source), ("driving", job.driving), ("model", job.model or "")]
    columns += [("further_driving", each) for each in job.further_driving]
    for column, path in (*columns, *_outputs_of(job)):
        yield f"{one.where}, column {column}", path


def _outputs_of(job: Job) -> Iterator[tuple[str, str]]:
    yield "output", job.output
    if job.motion_output is not None:
        yield "save_motion", job.motion_output


def _fault_of(name: str, outputs: Path, is_motion: bool) -> str | None:
    """What is wrong with the name of a result by itself."""
    path = PurePath(name)
    if path.is_absolute() or ".." in path.parts:
        return f"expected a name inside the folder of results; got {name!r}"
    if name in (JOURNAL_NAME, SUMMARY_NAME) or any(part.startswith(PREFIX) for part in path.parts):
        return f"{name} is a file of the batch itself; choose another name"
    if is_motion and (path.suffix.lower() != ".npz" or is_pattern(Path(name))):
        return f"expected a motion file to end in .npz and to have no number such as %05d; got {name!r}"
    try:
        if is_motion:
            check_target(outputs / name)
        else:
            VideoTarget(outputs / name)
    except OutputError as error:
        return str(error)
    return None


class _Results:
    """The results of jobs, under the names that remain when all links are followed.

    Args:
        folder: The folder of results.
        inputs: Files that no result may replace.
    """

    def __init__(self, folder: Path, inputs: Iterable[Path]) -> None:
        self._folder = folder
        self._real = RealPaths()
        self._inside = self._real(folder)
        self._inputs: set[str] = set()
        self._inputs_in: dict[str, set[Path]] = {}
        for path in inputs:
            for name in (self._real.in_folder(path), self._real(path)):
                self._inputs.add(name.casefold())
                self._inputs_in.setdefault(str(PurePath(name).parent), set()).add(Path(name))
        self._taken: dict[str, str] = {}
        self._patterns = TakenPatterns()

    def own_file(self, path: Path) -> str | None:
        """The name of the journal or the summary, if a path leads to one of them."""
        real = self._real(path)
        return next((name for name in (JOURNAL_NAME, SUMMARY_NAME) if self._real(self._folder / name) == real), None)

    def take(self, name: str, where: str) -> str | None:
        """Takes a result for a job, or returns why the job may not have it."""
        path = self._folder / name
        has_number = is_pattern(path)
        real = self._real.in_folder(path) if has_number else self._real(path)
        if not PurePath(real).is_relative_to(self._inside):
            return f"links lead from {name} out of the folder of results, to {real}; choose another name"
        if self._holds_input(Path(real)) if has_number else real.casefold() in self._inputs:
            return f"{name} is also an input, which would be lost; choose another name"
        if has_number:
            if (shared := self._patterns.take(Path(real), where)) is None:
                return None
            owner, name = shared[0], str(PurePath(name).with_name(shared[1]))
        else:
            key = real.casefold()  # some file systems do not tell upper from lower case
            if key not in self._taken:
                self._taken[key] = where
                return None
            owner = self._taken[key]
        return f"{owner} has the same result, {name}; give each a name of its own"

    def _holds_input(self, pattern: Path) -> bool:
        return any(may_overwrite(pattern, file) for file in self._inputs_in.get(os.fspath(pattern.parent), ()))
