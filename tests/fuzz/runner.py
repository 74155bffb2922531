"""Spreads cases over worker processes and gathers what they report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from fuzz.case import Case


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: The case, FORMAT:SEED.
        fault: The kind of fault, None if there is none, see `fuzz.judge`.
        detail: A sentence about it.
        status: Exit code, or a negative signal.
        peak_bytes: Largest resident set.
        seconds: How long it took.
        text: What it printed, if it has a fault.
    """

    case: str
    fault: str | None
    detail: str | None
    status: int
    peak_bytes: int
    seconds: float
    text: str


def run_cases(
    cases: Iterable[Case], samples: Path, scratch: Path, workers: int, report: Callable[[Outcome], None]
) -> None:
    """Runs all cases; a worker that dies is replaced, and the case it was running is reported."""
    waiting: SimpleQueue[Case] = SimpleQueue()
    for case in cases:
        waiting.put(case)
    lock = threading.Lock()

    def locked_report(outcome: Outcome) -> None:
        with lock:
            report(outcome)

    threads = [
        threading.Thread(target=_feed, args=(waiting, [samples, scratch], locked_report)) for _ in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _feed(waiting: SimpleQueue[Case], arguments: Sequence[Path], report: Callable[[Outcome], None]) -> None:
    while not waiting.empty():
        command = [sys.executable, "-m", "fuzz.worker", *map(str, arguments)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            has_answered = False
            while worker.poll() is None:
                try:
                    case = waiting.get_nowait()
                except Empty:
                    break
                line = ""
                with suppress(BrokenPipeError):
                    print(case, file=worker.stdin, flush=True)
                    line = worker.stdout.readline()
                if not line:
                    report(Outcome(str(case), "signal", "the worker died", worker.wait(), 0, 0.0, ""))
                    if not has_answered:
                        return  # the next one would die as well
                    break
                report(Outcome(**json.loads(line)))
                has_answered = True
            with suppress(BrokenPipeError):
                worker.stdin.close()


def write_samples(folder: Path, formats: Sequence[str]) -> None:
    """Writes samples in a process of its own: libraries that have been used cannot be forked safely."""
    command = [sys.executable, "-m", "fuzz.samples", str(folder), *formats]
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, "SVT_LOG": "1"})


def default_workers() -> int:
    """One for each processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
