"""Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

PLAIN_LINE_EVERY_S = 10.0
"""Interval between lines of progress if standard error is not a terminal."""

WIDE_COLUMNS = 80
"""Narrower terminals show the figures without a bar."""

FrameProgress = Callable[[str, int, "int | None"], None]


class BarProgress:
    """Shows the current step as a bar, which appears with the first call.

    A question stops it, and the next call starts it again.
    """

    def __init__(self, bar: Progress, counted: str) -> None:
        self._bar = bar
        self._unit = _per_second(counted)
        self._tasks: dict[str, TaskID] = {}
        self._start: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Shows the number done; `total` is None if unknown."""
        self._bar.start()  # does nothing if it runs
        if stage not in self._tasks:
            for earlier in self._tasks.values():
                self._bar.update(earlier, visible=False)
            self._tasks[stage] = self._bar.add_task(stage, total=total, speed="")
            self._start[stage] = (perf_counter(), done)
        start, first = self._start[stage]
        elapsed = perf_counter() - start
        # The first frame was finished before the clock started.
        speed = f"{(done - first) / elapsed:.1f} {self._unit}" if done > first and elapsed > 0 else ""
        self._bar.update(self._tasks[stage], completed=done, total=total, speed=speed)


class PlainProgress:
    """Prints a line when a step begins, and others every `PLAIN_LINE_EVERY_S`."""

    def __init__(self, console: Console, counted: str) -> None:
        self._console = console
        self._counted = counted
        self._stage = ""
        self._first = 0
        self._start = self._last = perf_counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Prints the number done, if a line is due."""
        now = perf_counter()
        if stage != self._stage:
            self._stage, self._start, self._last, self._first = stage, now, now, done
            self._console.print(f"{stage}{f' {total} {self._counted}' if total else ''}", markup=False)
            return
        if now - self._last < PLAIN_LINE_EVERY_S:
            return
        self._last = now
        speed = (done - self._first) / (now - self._start)
        remaining = f", {(total - done) / speed:.0f} s remaining" if total and total >= done and speed else ""
        self._console.print(
            f"{stage}: {done}/{total or '?'} {self._counted}, {speed:.1f} {_per_second(self._counted)}{remaining}",
            markup=False,
        )


def bar(console: Console) -> Progress:
    """The columns that fit the terminal."""
    essential = [MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TextColumn("left"), TimeRemainingColumn()]
    wide = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn()]
    columns = [*wide, *essential] if console.width >= WIDE_COLUMNS else essential
    return Progress(*columns, console=console, transient=True)


def _per_second(counted: str) -> str:
    return "fps" if counted == "frames" else f"{counted}/s"
