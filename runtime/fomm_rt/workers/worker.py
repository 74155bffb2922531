"""The other side of a worker process. It is started when there is something to do, and again after it has ended."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

import msgspec

from fomm_rt.errors import FommError
from fomm_rt.workers.messages import Cancel, Cause, Done, Failed, Report, Task
from fomm_rt.workers.module_command import module_command

CANCEL_S = 5.0
"""How long a worker may take to end a cancelled task; then the process is ended."""
GROWTH_BYTES = 1 << 30
"""A worker whose memory has grown by more than this since its first task is replaced."""


class TaskError(FommError):
    """A task has failed.

    Attributes:
        cause: As in `Failed`.
        is_cancelled: True if it was ended on demand.
        is_defect: True if it is not the user's fault, but the program's.
    """

    def __init__(
        self, sentence: str, cause: Cause | None = None, *, is_cancelled: bool = False, is_defect: bool = False
    ) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.is_cancelled = is_cancelled
        self.is_defect = is_defect


@dataclass
class _Running:
    """A task that a worker has."""

    answer: Future[Any]
    on_report: Callable[[Report], None]
    is_cancelled: bool = False


class Worker:
    """Runs tasks in a process of its own. All methods belong to the thread of the event loop.

    Args:
        module: What the process runs; its `main` calls `worker_process.serve`.
        does: What it does, for the message after a crash.
        is_verbose: True to let it print to standard error.
        environment: Further variables of its environment.
    """

    def __init__(
        self, module: str, does: str, is_verbose: bool = False, environment: Mapping[str, str] | None = None
    ) -> None:
        self._module = module
        self._does = does
        self._is_verbose = is_verbose
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None
        self._running: dict[int, _Running] = {}
        self._numbers = itertools.count(1)
        self._first_bytes: int | None = None
        self._decoder = msgspec.json.Decoder(Report)

    @property
    def process_id(self) -> int | None:
        """Of the process; None if there is none."""
        return None if self._process is None else self._process.pid

    async def run(self, task: Task, on_report: Callable[[Report], None] = lambda _report: None) -> Any:
        """Runs a task and returns its result. If the caller is cancelled, so is the task.

        Args:
            task: Gets its number here.
            on_report: Called with what the worker reports meanwhile.

        Raises:
            TaskError: It failed, was cancelled, or the process ended.
        """
        loop = asyncio.get_running_loop()
        task.number = next(self._numbers)
        self._send(task, loop)
        running = self._running[task.number] = _Running(loop.create_future(), on_report)
        try:
            return await running.answer
        except asyncio.CancelledError:
            self.cancel(task.number)
            raise

    def cancel(self, number: int) -> None:
        """Ends a task that runs: by asking, then by ending the process."""
        running = self._running.get(number)
        if running is None or running.is_cancelled or self._process is None:
            return
        running.is_cancelled = True
        process, loop = self._process, asyncio.get_running_loop()
        self._write(msgspec.json.encode(Cancel(number)))

        def end() -> None:
            if number in self._running and process.poll() is None:
                process.kill()

        loop.call_later(CANCEL_S, end)

    def stop(self) -> None:
        """Ends the process at once, and waits for that. May be called without an event loop."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            _close_input(process)
        if self._reader is not None:
            self._reader.join()

    def _send(self, task: Task, loop: AbstractEventLoop) -> None:
        try:
            line = msgspec.json.encode(task)
        except UnicodeEncodeError as error:
            raise TaskError(f"{error.object!a} is not valid UTF-8; rename the file or its folder") from None
        if self._process is None:
            self._process = self._start(loop)
        self._write(line)

    def _write(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError):  # the process has ended; its reader says so
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def _start(self, loop: AbstractEventLoop) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                module_command(self._module),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if self._is_verbose else subprocess.DEVNULL,
                env={**os.environ, **self._environment},
                start_new_session=True,  # Ctrl-C reaches this process alone, which ends its workers
            )
        except OSError as error:
            raise TaskError(f"no process could be started to {self._does}: {error.strerror}", is_defect=True) from error
        self._first_bytes = None
        self._reader = Thread(target=self._read, args=(process, loop), name=f"{self._module} reader", daemon=True)
        self._reader.start()
        return process

    def _read(self, process: subprocess.Popen[bytes], loop: AbstractEventLoop) -> None:
        """Passes reports on to the event loop until the process ends."""
        assert process.stdout is not None
        with process.stdout, suppress(RuntimeError):  # the event loop is closed
            for line in process.stdout:
                loop.call_soon_threadsafe(self._receive, process, line)
            process.wait()
            loop.call_soon_threadsafe(self._end, process)

    def _receive(self, process: subprocess.Popen[bytes], line: bytes) -> None:
        report = self._decoder.decode(line)
        running = self._running.get(report.number)
        if running is None or process is not self._process:
            return
        if isinstance(report, Done):
            self._finish(running, report.number, result=report.result)
            self._replace_if_grown(process, report.resident_bytes)
        elif isinstance(report, Failed):
            error = TaskError(report.error, report.cause, is_cancelled=report.is_cancelled, is_defect=report.is_defect)
            self._finish(running, report.number, error=error)
        else:
            running.on_report(report)

    def _finish(self, running: _Running, number: int, result: Any = None, error: TaskError | None = None) -> None:
        self._running.pop(number, None)
        if running.answer.done():
            return
        if error is None:
            running.answer.set_result(result)
        else:
            running.answer.set_exception(error)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Fails the tasks of a process that has ended by itself."""
        _close_input(process)
        if process is not self._process:
            return
        self._process = None
        code = process.returncode
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        for number, running in list(self._running.items()):
            if running.is_cancelled:
                error = TaskError("cancelled", is_cancelled=True)
            else:
                error = TaskError(
                    f"the process that {self._does} ended unexpectedly {how}, perhaps for lack of memory; try again, "
                    "or use other files",
                    "crashed",
                    is_defect=True,
                )
            self._finish(running, number, error=error)

    def _replace_if_grown(self, process: subprocess.Popen[bytes], resident: int | None) -> None:
        if resident is None:
            return
        if self._first_bytes is None:
            self._first_bytes = resident
        if resident - self._first_bytes > GROWTH_BYTES and not self._running:
            self._process = None
            _close_input(process)  # which ends it


def _close_input(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # what could not be written to a process that has ended
        process.stdin.close()
