"""The summary of a run, as JSON beside the results."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fomm_rt.batch.checks import SUMMARY_NAME
from fomm_rt.batch.job import JobResult
from fomm_rt.files.staging import check_target, replacing, reporting_failures
from fomm_rt.version import __version__

FORMAT_VERSION = 1
_BEGIN = re.compile(rb'\s*\{\s*"format_version":\s*\d+,\s*"fomm_rt":\s*"[^"]*",\s*"seconds":')


def summary_document(results: Sequence[JobResult], seconds: float) -> dict[str, Any]:
    """The summary: how many jobs ended how, and each of them in the order of the table.

    Args:
        results: Of all jobs.
        seconds: Wall-clock time of the run.
    """
    states = Counter(result.state for result in results)
    return {
        "format_version": FORMAT_VERSION,
        "fomm_rt": __version__,
        "seconds": round(seconds, 3),
        "made": states["made"],
        "present": states["present"],
        "failed": states["failed"],
        "not_made": states["not made"],
        "frames_made": sum(each.animated.frames for each in results if each.state == "made" and each.animated),
        "jobs": [_job_document(result) for result in results],
    }


def is_foreign(file: Path) -> bool:
    """True if a file is there and no run wrote it. Raises OutputError if it cannot be written or read."""
    check_target(file)
    with reporting_failures(file):
        try:
            with file.open("rb") as opened:
                return _BEGIN.match(opened.read(1000)) is None
        except FileNotFoundError:
            return False


def write_summary(folder: Path, results: Sequence[JobResult], seconds: float) -> None:
    """Writes the summary into a folder. Raises OutputError if that fails."""
    document = summary_document(results, seconds)
    with replacing(folder / SUMMARY_NAME) as path:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _job_document(result: JobResult) -> dict[str, Any]:
    """A job in the summary: how it ended, and its options as far as they are not the defaults."""
    document: dict[str, Any] = msgspec.to_builtins(result)
    options = document.pop("job")
    made = document.pop("animated") or {}
    inputs = {"output": options.pop("output"), "source": options.pop("source"), "driving": options.pop("driving")}
    ended = {name: value for name, value in document.items() if value is not None}
    return {**inputs, **ended, **made, "options": options}
