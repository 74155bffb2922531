"""Output of every command: progress, messages, results, errors and exit codes.

Results go to standard output, everything else to standard error. Exit codes: 0 success, 1 error, 2 wrong usage,
129 SIGHUP, 130 SIGINT, 143 SIGTERM.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any

import typer
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

from fomm_rt.errors import FommError, OutputError
from fomm_rt.files.interruption import SIGNALS, heeded
from fomm_rt.version import __version__

PLAIN_LINE_EVERY_S = 10.0
"""Interval between lines of progress if standard error is not a terminal."""

WIDE_COLUMNS = 80
"""Narrower terminals show the figures without a bar."""

FrameProgress = Callable[[str, int, "int | None"], None]


class Terminal:
    """Prints what a command has to say.

    Args:
        quiet: Print only warnings and errors, and with `as_json` the result.
        as_json: Print the result as one JSON document on standard output.
    """

    def __init__(self, quiet: bool, as_json: bool) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.warnings: list[str] = []
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # an ASCII terminal shows ? instead of failing
        self.out, self.err = _console(stderr=False), _console(stderr=True)

    def say(self, text: str) -> None:
        """Prints a message, unless quiet."""
        if not self.quiet:
            self.err.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Prints a warning: something unexpected that does not stop the command."""
        self.warnings.append(text)
        self.err.print(f"warning: {text}", style="yellow", markup=False)

    def result(self, text: str, document: dict[str, Any]) -> None:
        """Prints the result: the document as JSON, or the text unless quiet."""
        try:
            if self.as_json:
                print(json.dumps({**document, "warnings": self.warnings}, indent=2, default=str), flush=True)
            elif not self.quiet:
                self.out.print(text, markup=False)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written ({error.strerror}); the work itself is done"
            ) from error

    @contextmanager
    def frames(self, counted: str = "frames") -> Iterator[FrameProgress]:
        """Shows how many frames (or what `counted` names) are done, how many per second, and the remaining time."""
        if self.quiet:
            yield lambda _stage, _done, _total: None
        elif self.err.is_terminal:
            with _bar(self.err) as bar:
                yield _BarProgress(bar, counted)
        else:
            yield _PlainProgress(self.err, counted)


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, emoji=False)  # a file name may contain ":b:"
    console.soft_wrap = not console.is_terminal  # do not break lines in files and pipes
    return console


class _BarProgress:
    def __init__(self, bar: Progress, counted: str) -> None:
        self._bar = bar
        self._unit = _per_second(counted)
        self._tasks: dict[str, TaskID] = {}
        self._start: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
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


class _PlainProgress:
    def __init__(self, console: Console, counted: str) -> None:
        self._console = console
        self._counted = counted
        self._stage = ""
        self._first = 0
        self._start = self._last = perf_counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
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


def _per_second(counted: str) -> str:
    return "fps" if counted == "frames" else f"{counted}/s"


def _bar(console: Console) -> Progress:
    essential = [MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TextColumn("left"), TimeRemainingColumn()]
    wide = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn()]
    columns = [*wide, *essential] if console.width >= WIDE_COLUMNS else essential
    return Progress(*columns, console=console, transient=True)


class _WarningHandler(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.warn(record.getMessage())


@contextmanager
def running(quiet: bool, as_json: bool) -> Iterator[Terminal]:
    """Runs the body of a command: prints its warnings and turns errors into a sentence and an exit code."""
    terminal = Terminal(quiet or as_json, as_json)
    logger = logging.getLogger("fomm_rt")
    handler = _WarningHandler(terminal)
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    restore = _unwind_on_signals()
    try:
        yield terminal
    except typer.Exit:
        raise
    except FommError as error:
        raise _failed(terminal, str(error)) from error
    except BrokenPipeError:
        # The reader of standard output is gone; the flush at exit must not fail again.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        raise typer.Exit(1) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename is not None else ""
        message = f"{name}{error.strerror or error}; check the path, its permissions and the disk"
        raise _failed(terminal, message) from error
    except MemoryError as error:
        raise _failed(terminal, "there is not enough memory; use a smaller picture or video") from error
    except KeyboardInterrupt:
        terminal.err.print("interrupted", markup=False)
        raise typer.Exit(130) from None
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise _failed(
            terminal,
            f"this is a defect in fomm-rt {__version__}: {type(error).__name__}: {error} "
            f"({last.filename.rsplit('/', 1)[-1]}:{last.lineno}). Please report it with the command you ran",
        ) from error
    finally:
        restore()
        logger.propagate = propagate
        logger.removeHandler(handler)


def _failed(terminal: Terminal, message: str) -> typer.Exit:
    if terminal.as_json:
        with suppress(OSError):
            print(json.dumps({"error": message, "warnings": terminal.warnings}, indent=2), flush=True)
    terminal.err.print(f"error: {message}", style="red", markup=False)
    return typer.Exit(1)


def _unwind_on_signals() -> Callable[[], None]:
    """Turns SIGTERM and SIGHUP into exceptions, so unfinished output is removed."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    ending = [number for number in SIGNALS if number != signal.SIGINT]  # which Python turns into KeyboardInterrupt
    previous = [(number, signal.signal(number, stop)) for number in heeded(ending)]

    def restore() -> None:
        for number, handler in previous:
            signal.signal(number, handler)

    return restore
