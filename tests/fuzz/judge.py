"""Decides if a run on a damaged input has failed as a run may fail."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Fault = Literal["traceback", "signal", "hang", "memory", "unexplained", "partial output", "exit code"]

MEMORY_BYTES = 1_500_000_000
"""Largest peak of the resident set."""
CPU_S = 60
"""Processor time after which a run hangs."""
WALL_S = 180
"""The same as the clock shows, on a machine that does other work as well."""

_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|this is a defect in fomm-rt")
_UNEXPLAINED = re.compile(r"there is not enough memory|check the path, its permissions and the disk")
_ENDED_FOR_TIME = {signal.SIGXCPU, signal.SIGALRM}


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        status: Exit code; of a run that a signal ended, its negative number.
        text: What it printed on both streams.
        peak_bytes: Largest resident set.
        over_time: True if it was ended because it took too long.
        over_memory: True if it was ended because it took too much memory.
    """

    status: int
    text: str
    peak_bytes: int
    over_time: bool = False
    over_memory: bool = False


def judge(ended: Ended, folder: Path, may_stay: re.Pattern[str]) -> tuple[Fault, str] | None:
    """Returns what is wrong with a run, and a sentence about it; None if nothing is.

    Args:
        ended: How it ended.
        folder: Where it wrote.
        may_stay: Matches paths under the folder, with slashes, that may be there after any run.
    """
    return _judge_end(ended) or _judge_text(ended) or _judge_files(ended, folder, may_stay)


def _judge_end(ended: Ended) -> tuple[Fault, str] | None:
    if ended.over_memory or ended.peak_bytes > MEMORY_BYTES:
        return "memory", f"its peak is {ended.peak_bytes / 1e6:.0f} MB"
    if ended.over_time or -ended.status in _ENDED_FOR_TIME:
        return "hang", f"it did not end within {CPU_S} s of processor time or {WALL_S} s"
    if ended.status < 0:
        return "signal", signal.Signals(-ended.status).name
    return None


def _judge_text(ended: Ended) -> tuple[Fault, str] | None:
    if _TRACEBACK.search(ended.text):
        return "traceback", ended.text.strip().splitlines()[-1]
    if (found := _UNEXPLAINED.search(ended.text)) is not None:
        return "unexplained", next(line for line in ended.text.splitlines() if found.group() in line)
    if ended.status not in (0, 1):
        return "exit code", f"{ended.status}: {ended.text.strip()[-200:]}"
    return None


def _judge_files(ended: Ended, folder: Path, may_stay: re.Pattern[str]) -> tuple[Fault, str] | None:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) if folder.is_dir() else []
    for name in paths:
        if may_stay.fullmatch(name):
            continue
        if any(part.startswith(".") for part in name.split("/")):
            return "partial output", f"{name} is left"
        if ended.status != 0:
            return "partial output", f"{name} exists although the run failed"
        if (folder / name).is_file() and not (folder / name).stat().st_size:
            return "partial output", f"{name} is empty although the run succeeded"
    return None
