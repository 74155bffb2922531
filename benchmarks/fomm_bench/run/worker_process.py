"""The benchmark's end of a worker: starts it, asks it, and ends it in any case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import Pipe
from pathlib import Path
from threading import Event, Thread, Timer

from fomm_bench.run import messages
from fomm_rt.errors import BenchmarkError

WATCH = """
import os, signal, sys
sys.stdin.buffer.read()
try:
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
except ProcessLookupError:
    pass
"""
START = "import sys; sys.path = [p for p in sys.path if p]; from fomm_bench.run.worker import main; main()"
"""The program of a worker. It imports nothing from the current folder; Python 3.10 lacks the option -P for that."""
PACKAGES = ("fomm_bench", "fomm_rt", "fomm_kernels", "fomm_export", "fomm_build")
SHOWN_LINES = 6
"""Lines of a dead worker's standard error in the error message."""
END_S = 5.0
"""How long a worker may take to close."""


class WorkerDiedError(BenchmarkError):
    """A worker ended, hung or sent something other than an answer; its process is gone."""


class WorkerProcess:
    """One worker. It is stopped between requests, together with its children.

    It has its own session: Ctrl-C reaches the benchmark only, which then ends its workers.

    Args:
        name: Name of the contestant.
        command, environment: See `worker_command` and `worker_environment`.
        timeout_s: How long an answer may take.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `_kill`
        worker_input, self._requests = Pipe(duplex=False)
        self._answers, worker_output = Pipe(duplex=False)
        with worker_input, worker_output:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=worker_input.fileno(),
                    stdout=worker_output.fileno(),
                    stderr=self._errors,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                self._close_streams()
                problem = f"{command[0]}: cannot be started ({error.strerror}); name another Python"
                raise WorkerDiedError(problem) from error
        self.pid = self._process.pid
        try:
            self._watchdog = watch(self._process.pid)
        except BaseException:
            self._kill_group()
            raise
        # Children may hold the pipes open after the worker ends, so its end would not show there.
        Thread(target=self._kill_orphans, daemon=True).start()

    def ask(self, request: messages.Request) -> messages.Answer:
        """Sends a request; returns the answer, which may be `Failed`. A WorkerDiedError means the process is gone."""
        with self._awake(self._timeout_s) as expired:
            try:
                self._requests.send_bytes(messages.encode(request))
                answer = messages.decode_answer(self._answers.recv_bytes(messages.MOST_BYTES))
            except (OSError, EOFError, messages.MessageError) as error:
                if expired.is_set():
                    how = f"gave no answer to {type(request).__name__} within {self._timeout_s:.0f} s"
                elif isinstance(error, EOFError | BrokenPipeError):
                    how = self._end()
                else:
                    how = f"sent no answer: {error}"
                lines = self._last_lines()
                self._kill()
                last_output = f"; its last output: {lines}" if lines else ""
                raise WorkerDiedError(f"{self.name} {how}{last_output}") from error
        self._signal(signal.SIGSTOP)
        return answer

    def close(self) -> None:
        """Asks the process to end, then kills it and its children; further calls do nothing."""
        if self._errors.closed:
            return
        try:
            with self._awake(END_S), suppress(OSError):
                self._requests.send_bytes(messages.encode(messages.Close()))
                self._process.wait()
        finally:
            self._kill()

    @contextmanager
    def _awake(self, seconds: float) -> Iterator[Event]:
        """Continues the stopped process; kills it and sets the event if the block takes too long."""
        expired = Event()

        def expire() -> None:
            expired.set()
            self._signal(signal.SIGKILL)

        timer = Timer(seconds, expire)
        timer.start()
        try:
            self._signal(signal.SIGCONT)
            yield expired
        finally:
            timer.cancel()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(self._process.pid, number)

    def _kill_orphans(self) -> None:
        self._process.wait()
        self._signal(signal.SIGKILL)

    def _kill(self) -> None:
        self._kill_group()
        with self._watchdog:  # dismissed once the group is gone: its id may be reused
            self._watchdog.kill()

    def _kill_group(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._close_streams()

    def _close_streams(self) -> None:
        for stream in (self._requests, self._answers, self._errors):
            stream.close()

    def _end(self) -> str:
        """How the process ended, which closed its output."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        status = self._process.returncode
        if status is None:
            return "ended"
        return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"

    def _last_lines(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        text = self._errors.read().decode(errors="replace")
        return "\n".join([line for line in text.splitlines() if line.strip()][-SHOWN_LINES:])


def require_signals() -> None:
    """Raises BenchmarkError where processes cannot be stopped and continued."""
    if not (hasattr(signal, "SIGSTOP") and hasattr(os, "killpg")):
        raise BenchmarkError(
            "fomm-rt bench stops the processes of contestants between their turns, by signals that this system does "
            "not have; run it on Linux or macOS"
        )


def watch(group: int) -> subprocess.Popen[bytes]:
    """Starts a process that kills a process group when the benchmark dies.

    Workers are stopped between their turns, so neither they nor their children notice that the benchmark is gone. The
    standard input of this process ends with the benchmark, even if that is killed.
    """
    # A session of its own keeps Ctrl-C away. It needs neither environment variables nor packages.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", WATCH, str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def worker_command(name: str, python: str | None) -> list[str]:
    """The command of a contestant's worker, in this Python or another one."""
    return [python or sys.executable, "-c", START, name]


def worker_environment(folder: Path, python: str | None) -> dict[str, str]:
    """The environment variables of a worker, with the caches of libraries in an existing temporary folder.

    Another Python finds this project's packages, and no other packages of this Python, through links in the folder.
    """
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
    }
    if python is not None:
        packages = folder / "packages"
        packages.mkdir(exist_ok=True)
        for package in PACKAGES:
            spec = find_spec(package)
            if spec is not None and spec.submodule_search_locations and not (packages / package).exists():
                (packages / package).symlink_to(spec.submodule_search_locations[0])
        environment["PYTHONPATH"] = str(packages)
    return environment
