"""The chart files in a folder, by their names; needs no matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fomm_rt.files.staging import reporting_failures

_NAME = re.compile(r"(?:(?:latency|ratio|stages|throughput)(?:-\d+)?|scaling|scaling-ratio)\.(?:svg|png)")


def charts_in(folder: Path) -> list[Path]:
    """The files in a folder that have names of charts."""
    with reporting_failures(folder):
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def remove_stale_charts(folder: Path, drawn: Sequence[Path]) -> list[Path]:
    """Removes charts that were not drawn now: they show other results than the folder holds. Returns them.

    Raises:
        OutputError: A file cannot be removed.
    """
    stale = [path for path in charts_in(folder) if path not in drawn]
    for path in stale:
        with reporting_failures(path):
            path.unlink()
    return stale
