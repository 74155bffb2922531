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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress
from typing_extensions import override

from fomm_rt.cli.defect import describe_defect
from fomm_rt.cli.log import LOGGER, PrintedLog, ReportedWarnings
from fomm_rt.cli.progress import BarProgress, FrameProgress, PlainProgress, bar
from fomm_rt.cli.second_interrupt import ending_at_second_interrupt
from fomm_rt.errors import FommError, OutputError
from fomm_rt.files.interruption import SIGNALS, heeded
from fomm_rt.files.overwriting import Overwrite, name_all
from fomm_rt.printable import printable


class Terminal:
    """Prints the messages and the result of a command.

    Args:
        quiet: Print only warnings and errors, and with `as_json` the result.
        as_json: Print the result as one JSON document on standard output.
        verbose: Print the log, and the traceback of an error.
    """

    def __init__(self, quiet: bool, as_json: bool, verbose: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.verbose = verbose
        self.warnings: list[str] = []
        self._display: Progress | None = None
        for stream in (sys.stdout, sys.stderr, sys.stdin):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # an ASCII terminal shows ? instead of failing
        self.out, self.err = _console(stderr=False), _console(stderr=True)

    def log(self, text: str) -> None:
        """Prints a line of the log."""
        self.err.print(text, style="dim", markup=False)

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
            with self.stopping_for_questions(bar(self.err)) as shown:
                yield BarProgress(shown, counted)
        else:
            yield PlainProgress(self.err, counted)

    @contextmanager
    def stopping_for_questions(self, display: Progress) -> Iterator[Progress]:
        """Stops a display of progress at every question, and at the end.

        A running display redraws its lines and erases a question. Start it before every update: that does nothing if
        it runs, and brings it back after a question.
        """
        self._display = display
        try:
            yield display
        finally:
            self._display = None
            display.stop()

    def replacing(self, overwrite: bool | None) -> Overwrite:
        """How to treat existing results: as the option says; without it, ask on a terminal and refuse elsewhere."""
        if overwrite is not None:
            return overwrite
        return self._ask_to_replace if self.can_ask() else False

    def _ask_to_replace(self, existing: Sequence[Path]) -> bool:
        return self.confirm(f"{name_all(existing)}. Overwrite?")

    def can_ask(self) -> bool:
        """True if there is a terminal to ask a question on."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str) -> bool:
        """Asks a question on the terminal; True only if the answer is yes."""
        if self._display is not None:
            self._display.stop()
        self.err.print(f"{question} [y/N] ", end="", markup=False)
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            self.err.print()  # the end of the input leaves the cursor behind the question
        return answer.strip().lower() in ("y", "yes")


class _SafeConsole(Console):
    """Escapes control characters in every text that it prints."""

    @override
    def print(self, *objects: Any, **settings: Any) -> None:
        super().print(*(printable(each) if isinstance(each, str) else each for each in objects), **settings)


def _console(stderr: bool) -> Console:
    console = _SafeConsole(stderr=stderr, highlight=False, emoji=False)  # a file name may contain ":b:"
    console.soft_wrap = not console.is_terminal  # do not break lines in files and pipes
    return console


@contextmanager
def running(quiet: bool, as_json: bool, verbose: bool = False) -> Iterator[Terminal]:
    """Runs the body of a command: prints its warnings and turns errors into a sentence and an exit code."""
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other; choose one")
    terminal = Terminal(quiet or (as_json and not verbose), as_json, verbose)
    restore = _unwind_on_signals()
    try:
        with ending_at_second_interrupt(), _logging_to(terminal):
            yield terminal
    except (typer.Exit, typer.BadParameter):
        raise
    except FommError as error:
        raise _failed(terminal, str(error), error) from error
    except BrokenPipeError:
        # The reader of standard output is gone; the flush at exit must not fail again.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        raise typer.Exit(1) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename is not None else ""
        message = f"{name}{error.strerror or error}; check the path, its permissions and the disk"
        raise _failed(terminal, message, error) from error
    except MemoryError as error:
        raise _failed(terminal, "there is not enough memory; use a smaller picture or video", error) from error
    except KeyboardInterrupt:
        terminal.err.print("interrupted", markup=False)
        raise typer.Exit(130) from None
    except Exception as error:
        raise _failed(terminal, describe_defect(error), error) from error
    finally:
        restore()


@contextmanager
def _logging_to(terminal: Terminal) -> Iterator[None]:
    """Reports warnings of the logger "fomm_rt", and with --verbose prints all of its records."""
    logger = logging.getLogger(LOGGER)
    handlers: list[logging.Handler] = [ReportedWarnings(terminal.warn)]
    propagate, level = logger.propagate, logger.level
    logger.propagate = False
    if terminal.verbose:
        handlers.append(PrintedLog(terminal.log))
        logger.setLevel(logging.DEBUG)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.propagate = propagate
        logger.setLevel(level)
        for handler in handlers:
            logger.removeHandler(handler)


def _failed(terminal: Terminal, message: str, error: BaseException) -> typer.Exit:
    if terminal.verbose:
        terminal.log("".join(traceback.format_exception(error)).rstrip())
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
