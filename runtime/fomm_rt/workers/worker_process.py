"""The inside of a worker process: tasks arrive as lines on standard input, reports leave on standard output.

The process ends with the program that started it, even if that is killed: standard input ends then.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from fomm_rt.errors import FommError
from fomm_rt.version import __version__
from fomm_rt.workers.messages import Cancel, Cause, Done, Failed, Report, Task

Perform = Callable[[Task, "Reporter"], Any]
"""Does a task and returns its result."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


class CancelledTask(BaseException):
    """The task was ended on demand. No Exception, so that nothing on the way handles it."""


class Reporter:
    """Reports on one task.

    Args:
        task: The task.
        send: Sends a report.
    """

    def __init__(self, task: Task, send: Callable[[Report], None]) -> None:
        self.number = task.number
        self._names = dict(sorted(task.names.items(), key=lambda item: -len(item[0])))
        self._send = send
        self._is_cancelled = False

    def __call__(self, report: Report) -> None:
        """Sends a report. Raises CancelledTask if the task has been cancelled."""
        self.check()
        self._send(report)

    def check(self) -> None:
        """Raises CancelledTask if the task has been cancelled."""
        if self._is_cancelled:
            raise CancelledTask

    def cancel(self) -> None:
        """Lets the next report end the task. May be called from any thread."""
        self._is_cancelled = True

    def in_names(self, text: str) -> str:
        """A sentence in which files have the names that the user knows."""
        for path, name in self._names.items():
            text = text.replace(path, name)
        return text


def serve(perform: Perform, executor: Executor, orders: Any) -> None:
    """Does tasks until standard input ends; does not return.

    Args:
        perform: Does a task.
        executor: Runs it.
        orders: The union of `Cancel` and the tasks that may arrive.
    """
    out = _standard_output()
    lock = threading.Lock()

    def send(report: Report) -> None:
        with lock:
            out.write(msgspec.json.encode(report) + b"\n")
            out.flush()

    decoder = msgspec.json.Decoder(orders)
    running: dict[int, Reporter] = {}

    def run(task: Task, reporter: Reporter) -> None:
        try:
            answer = _outcome(perform, task, reporter)
            try:
                send(answer)
            except (TypeError, ValueError) as error:  # JSON has no form for the result
                send(_failed(task, reporter, error))
        except OSError:
            os._exit(0)  # the other side is gone
        except BaseException:
            os._exit(1)  # the other side waits for an answer, and takes this as one
        finally:
            running.pop(task.number, None)

    for line in sys.stdin.buffer:
        order = decoder.decode(line)
        if isinstance(order, Cancel):
            if (found := running.get(order.number)) is not None:
                found.cancel()
            continue
        reporter = running[order.number] = Reporter(order, send)
        executor.submit(run, order, reporter)
    os._exit(0)  # at once: a task may be in the middle of native code


def _outcome(perform: Perform, task: Task, reporter: Reporter) -> Report:
    try:
        result = perform(task, reporter)
    except CancelledTask:
        return Failed(task.number, "cancelled", is_cancelled=True)
    except BaseException as error:  # also SystemExit of a library: a task without an answer never ends
        return _failed(task, reporter, error)
    return Done(task.number, result, resident_bytes())


def _failed(task: Task, reporter: Reporter, error: BaseException) -> Failed:
    failure = failure_of(error)
    sentence = _encodable(reporter.in_names(failure.sentence))
    return Failed(task.number, sentence, failure.cause, failure.is_defect)


def _encodable(text: str) -> str:
    r"""The text with escapes such as \udcff for bytes of a file name that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True)
class Failure:
    """Why a task failed: a sentence for the user, its cause if it is known, and True if it is a defect of fomm-rt."""

    sentence: str
    cause: Cause | None = None
    is_defect: bool = False


def failure_of(error: BaseException) -> Failure:
    """What an exception means to the user."""
    if isinstance(error, FommError):
        return Failure(str(error), _cause_of(error))
    if isinstance(error, MemoryError):
        return Failure("there is not enough memory; use a smaller picture or video", "no_memory")
    if isinstance(error, OSError):
        return Failure(f"a file cannot be read or written: {error.strerror or error}; check the disk", _cause_of(error))
    return Failure(f"this is a defect in fomm-rt {__version__}: {type(error).__name__}: {error}", is_defect=True)


def _cause_of(error: BaseException | None) -> Cause | None:
    """A full disk, if that is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return "disk_full"
        error = error.__cause__
    return None


def resident_bytes(process: int | str = "self") -> int | None:
    """Memory of a process; None where the system has no /proc."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def _standard_output() -> BinaryIO:
    """Standard output for reports alone: what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out
