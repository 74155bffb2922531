"""Shows the progress of a fetch: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from time import monotonic

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from fomm_fetch.progress import FetchProgress, ProgressCallback
from fomm_rt.cli.progress import PLAIN_LINE_EVERY_S, WIDE_COLUMNS
from fomm_rt.cli.terminal import Terminal
from fomm_rt.printable import printable


@contextmanager
def showing(terminal: Terminal) -> Iterator[ProgressCallback]:
    """Yields a callback for `fetch_model`; nothing is shown if the terminal is quiet."""
    if terminal.quiet:
        yield lambda _report: None
    elif terminal.err.is_terminal:
        bar = [BarColumn()] if terminal.err.width >= WIDE_COLUMNS else []
        columns = [
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            *bar,
            TextColumn("{task.fields[figures]}"),
        ]
        with Progress(*columns, console=terminal.err, transient=True) as bars:
            yield _Bar(terminal, bars)
    else:
        yield _Lines(terminal)


@contextmanager
def printing_json() -> Iterator[ProgressCallback]:
    """Yields a callback for `fetch_model` that prints each report as a line of JSON on standard error."""

    def report(progress: FetchProgress) -> None:
        print(json.dumps({**asdict(progress), "remaining_s": progress.remaining_s}), file=sys.stderr, flush=True)

    yield report


def figures(report: FetchProgress) -> str:
    """Size, rate and remaining time of a download, such as "212 of 751 MB, 8.1 MB/s, 66 s left"; "" for other steps."""
    if report.done_bytes is None:
        return ""
    done = f"{report.done_bytes / 1e6:.0f}"
    parts = [f"{done} MB" if report.total_bytes is None else f"{done} of {report.total_bytes / 1e6:.0f} MB"]
    if report.bytes_per_s is not None:
        parts.append(f"{report.bytes_per_s / 1e6:.1f} MB/s")
    if report.remaining_s is not None:
        parts.append(f"{_duration(report.remaining_s)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class _Bar:
    def __init__(self, terminal: Terminal, bars: Progress) -> None:
        self._terminal = terminal
        self._bars = bars
        self._step: tuple[str, int | None] | None = None
        self._task = TaskID(0)

    def __call__(self, report: FetchProgress) -> None:
        if report.step == "notice":
            self._terminal.say(report.message)
            return
        step, done, shown = (report.step, report.total_bytes), report.done_bytes or 0, figures(report)
        message = printable(report.message)
        if step == self._step:
            self._bars.update(self._task, description=message, completed=done, figures=shown)
            return
        # A new bar, as `update(total=None)` leaves the total as it is. Without a total the bar pulses.
        if self._step is not None:
            self._bars.remove_task(self._task)
        self._step = step
        self._task = self._bars.add_task(message, total=report.total_bytes, completed=done, figures=shown)


class _Lines:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._message = ""
        self._last = 0.0

    def __call__(self, report: FetchProgress) -> None:
        now = monotonic()
        is_new = report.message != self._message or report.step == "notice"
        if is_new or (report.done_bytes is not None and now - self._last >= PLAIN_LINE_EVERY_S):
            shown = figures(report)
            self._terminal.say(f"{report.message}: {shown}" if shown and not is_new else report.message)
            self._message, self._last = report.message, now
