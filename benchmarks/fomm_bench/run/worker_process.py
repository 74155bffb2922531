"""The benchmark's end of a worker: started, asked, and ended whatever happens."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from fomm_bench.run import wire
from fomm_bench.run.watchdog import Watchdog
from fomm_rt.errors import BenchmarkError

START = "import sys; sys.path = [p for p in sys.path if p]; from fomm_bench.run.worker import main; main()"
"""What a worker's Python is told: nothing is imported from the folder that the benchmark happens to be started in.

Python's own option for this, -P, is not in 3.10.
"""
PACKAGES = ("fomm_bench", "fomm_rt", "fomm_kernels", "fomm_export")
SHOWN_LINES = 6
"""Of a dead worker's standard error."""
LOOK_S = 0.5
"""While it waits for an answer the benchmark looks this often whether the worker still runs."""
END_S = 5.0
"""A worker that was told to close gets this long."""


class WorkerDiedError(BenchmarkError):
    """A worker ended, hung or sent something else than an answer; it is gone."""


class WorkerProcess:
    """One worker, in a session of its own, so that Ctrl-C reaches the benchmark alone, which ends all workers.

    Between two requests it is stopped, with all it started.

    Args:
        name: Of the contestant.
        command: What to run; see `worker_command`.
        environment: Of the process.
        timeout_s: How long an answer may take.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise WorkerDiedError(f"{command[0]}: cannot be started ({error.strerror}); name another Python") from error
        try:
            self._guardian = Watchdog(self._process.pid)
        except BaseException:
            self._kill_group()
            raise
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        self._deadline = 0.0

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, ask: str, header: Mapping[str, Any] | None = None, arrays: wire.Arrays | None = None) -> wire.Message:
        """Sends a request and waits for the answer, which may be an error.

        Raises:
            WorkerDiedError: There will be no answer; the process is ended.
        """
        self._deadline = monotonic() + self._timeout_s
        self._signal(signal.SIGCONT)
        try:
            wire.send(self._write, {"ask": ask, **(header or {})}, arrays)
            answer = wire.receive(self._read)
            self._signal(signal.SIGSTOP)  # until it is asked again
            return answer
        except (wire.ClosedError, BrokenPipeError) as error:
            raise self._died("ended") from error
        except TimeoutError as error:
            raise self._died(f"gave no answer to {ask!r} within {self._timeout_s:.0f} s") from error
        except wire.WireError as error:
            raise self._died(f"sent no answer: {error}") from error

    def close(self) -> None:
        """Asks the process to end, and sees to it that it and all it started do; calling it twice is harmless."""
        if self._errors.closed:
            return
        try:
            self._ask_to_end()
        finally:
            self._kill()

    def _ask_to_end(self) -> None:
        if self._process.poll() is None:
            self._deadline = monotonic() + END_S
            self._signal(signal.SIGCONT)
            try:
                wire.send(self._write, {"ask": "close"})
                self._process.wait(END_S)
            except (OSError, subprocess.TimeoutExpired):
                pass  # it is killed next

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended, which reading its answer will tell
            os.killpg(self._process.pid, number)

    def _kill(self) -> None:
        self._kill_group()
        self._guardian.dismiss()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):  # all of them have ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()

    def _died(self, how: str) -> WorkerDiedError:
        status = self._process.poll()
        if status is None:
            try:
                status = self._process.wait(0.5)  # one that has closed its output is about to end
            except subprocess.TimeoutExpired:
                status = None
        lines = self._last_lines()
        self._kill()
        if status is not None and status < 0:
            how += f" by {signal.Signals(-status).name}"
        elif status is not None:
            how += f" with exit code {status}"
        return WorkerDiedError(f"{self.name} {how}" + (f"; its last words: {lines}" if lines else ""))

    def _last_lines(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        text = self._errors.read().decode(errors="replace")
        return "\n".join([line for line in text.splitlines() if line.strip()][-SHOWN_LINES:])

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        found = bytearray()
        while len(found) < size:
            self._wait(self._process.stdout.fileno(), selectors.EVENT_READ)
            part = os.read(self._process.stdout.fileno(), min(size - len(found), 1 << 20))
            if not part:
                break
            found += part
        return bytes(found)

    def _write(self, text: bytes) -> None:
        assert self._process.stdin is not None
        rest = memoryview(text)
        while rest:
            self._wait(self._process.stdin.fileno(), selectors.EVENT_WRITE)
            rest = rest[os.write(self._process.stdin.fileno(), rest) :]

    def _wait(self, file: int, event: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(file, event)
            while True:
                rest_s = self._deadline - monotonic()
                if selector.select(max(0.0, min(rest_s, LOOK_S))):
                    return
                # What it started may hold the pipe open, so that its end does not show there.
                if self._process.poll() is not None and not selector.select(0):
                    raise BrokenPipeError
                if rest_s <= LOOK_S:
                    raise TimeoutError

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def worker_command(name: str, python: str | None) -> list[str]:
    """How a contestant's worker is started, in this Python or another one."""
    return [python or sys.executable, "-c", START, name]


def worker_environment(folder: Path, python: str | None) -> dict[str, str]:
    """The environment of a worker.

    Args:
        folder: An existing temporary folder, for what libraries would leave behind.
        python: Another Python than this one finds the project's packages, and nothing else of this one's, through
            links in `folder`.
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
            link = packages / package
            home = _package_folder(package)
            if home is not None and not link.exists():
                link.symlink_to(home)
        environment["PYTHONPATH"] = str(packages)
    return environment


def _package_folder(package: str) -> Path | None:
    from importlib.util import find_spec

    spec = find_spec(package)
    locations = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(locations[0]) if locations else None
