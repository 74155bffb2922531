"""Measures batches against single calls, Ray against worker processes, and memory over the number of jobs.

    python benchmarks/studies/batch.py [--pictures 40] [--rounds 2] [--only speed workers ray memory]

- speed: `fomm-rt animate` once per picture and `fomm-rt batch` over all of them, in turns, by the bundled performance.
- workers: the same batch with one worker of two threads and with two workers of one.
- ray: jobs of one second (a part of the performance) on a cluster of this machine and in worker processes.
- memory: of the command and its workers, with few and with many jobs.

Times are wall-clock and processor seconds of the processes and their children. Writes benchmarks/results/batch.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from fomm_bench.machine.describe import describe_machine
from fomm_rt.bundled import bundled_avatars, bundled_performance

RESULTS = Path(__file__).parents[1] / "results" / "batch.json"
COMMAND = [sys.executable, "-c", "import sys; from fomm_rt.__main__ import main; main()"]


def timed(run: Callable[[], object]) -> dict[str, float]:
    """Wall-clock and processor seconds of the child processes of a call."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.perf_counter() - start, "cpu_s": cpu}


def command(*arguments: object) -> None:
    """Runs `fomm-rt`."""
    subprocess.run([*COMMAND, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
