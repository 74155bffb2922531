"""A fake worker of the studio: it does what the target of a conversion names."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fomm_rt.errors import MediaError
from fomm_rt.studio.messages import Convert, Order
from fomm_rt.workers.messages import Progress, Task
from fomm_rt.workers.worker_process import Reporter, serve


def perform(task: Task, report: Reporter) -> Any:
    """Echoes, fails, crashes, hangs, or prints to standard output."""
    assert isinstance(task, Convert)
    match task.target:
        case "echo":
            report(Progress(task.number, "echoing", 1, 1))
            return task.source
        case "print":
            print("a library prints this", flush=True)
            os.write(1, b"and this\n")
            return "printed"
        case "fail":
            raise MediaError(f"{task.source}: cannot be read")
        case "defect":
            raise ZeroDivisionError("by 0")
        case "exit":
            raise SystemExit(3)
        case "surrogate":
            raise MediaError("/films/\udcff.mp4: cannot be read")
        case "no JSON":
            return "\udcff"
        case "crash":
            os._exit(7)
        case "obey":
            while True:
                report(Progress(task.number, "waiting", 0, None))
                time.sleep(0.01)
        case "hang":
            report(Progress(task.number, "hanging", 0, None))
            time.sleep(600)
    return os.getpid()


def main() -> None:
    """Runs the process."""
    serve(perform, ThreadPoolExecutor(2), Order)
