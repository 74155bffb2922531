"""Measures batches against single calls, numbers of workers, Ray against worker processes, and memory over many jobs.

    python benchmarks/studies/batch.py [--pictures 40] [--rounds 1] [--parts speed workers ray memory] [--json FILE]

- speed: `fomm-rt batch` over some pictures by the bundled performance, and `fomm-rt animate` once for each of them.
- workers: the same batch by one worker of all threads and by one worker a core.
- ray: jobs of a second of the performance on a cluster of one node and in worker processes, as many each; the cluster
  runs already, and Ray's workers start within the time.
- memory: the largest resident memory of the command itself, with few jobs and with many, which all fail at once.

What is compared takes turns. Times are wall-clock seconds and processor seconds of a process and its children; Ray's
workers are no children of the command, so for them only the wall clock counts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.machine.processor import allowed_cores

COMMAND = [sys.executable, "-c", "import sys; from fomm_rt.__main__ import main; main()"]
MEMORY_JOBS = (100, 10_000)

Times = dict[str, float]


def run(*arguments: object, is_expected_to_fail: bool = False) -> Times:
    """Runs `fomm-rt`; returns its wall-clock and processor seconds and its own largest memory."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != int(is_expected_to_fail):
        raise SystemExit(f"{arguments}: ended with exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": perf_counter() - start, "cpu_s": cpu_s, "peak_bytes": usage.ru_maxrss * 1024}


def pictures_in(folder: Path, count: int) -> Path:
    """Fills a folder with the bundled faces, again and again under other names."""
    folder.mkdir()
    avatars = bundled_avatars()
    for number in range(count):
        shutil.copy(avatars[number % len(avatars)], folder / f"{number:03d}.png")
    return folder


def take_turns(contestants: dict[str, Callable[[], Times]], rounds: int) -> dict[str, list[Times]]:
    """Runs every contestant once a round, in an order that turns."""
    found: dict[str, list[Times]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            times = contestants[name]()
            found[name].append(times)
            print(f"round {number + 1}  {name:12s}  {times['wall_s']:8.1f} s  {times['cpu_s']:8.1f} CPU s", flush=True)
    return found


def ratio(found: dict[str, list[Times]], slow: str, fast: str, what: str = "wall_s") -> float:
    """How many times as long one contestant takes as the other: the median over the rounds."""
    return median(a[what] / b[what] for a, b in zip(found[slow], found[fast], strict=True))


def measure_speed(folder: Path, pictures: int, rounds: int) -> dict[str, Any]:
    """A batch against single calls."""
    faces = pictures_in(folder / "faces", pictures)

    def batch() -> Times:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            return run("batch", faces, bundled_performance(), "-o", out, "--backend", "cpu")

    def single() -> Times:
        total = {"wall_s": 0.0, "cpu_s": 0.0, "peak_bytes": 0.0}
        with tempfile.TemporaryDirectory(dir=folder) as out:
            for face in sorted(faces.iterdir()):
                target = Path(out, f"{face.stem}.mp4")
                times = run("animate", face, bundled_performance(), "-o", target, "--backend", "cpu")
                for name in ("wall_s", "cpu_s"):
                    total[name] += times[name]
                total["peak_bytes"] = max(total["peak_bytes"], times["peak_bytes"])
        return total

    found = take_turns({"batch": batch, "animate": single}, rounds)
    times_as_fast = {what: ratio(found, "animate", "batch", what) for what in ("wall_s", "cpu_s")}
    return {"pictures": pictures, "times": found, "times_as_fast": times_as_fast}


def measure_workers(folder: Path, pictures: int, rounds: int) -> dict[str, Any]:
    """One worker of all threads against one worker a core."""
    faces = pictures_in(folder / "workers-faces", pictures)

    def with_workers(count: int) -> Callable[[], Times]:
        def batch() -> Times:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                return run("batch", faces, bundled_performance(), "-o", out, "--backend", "cpu", "--workers", count)

        return batch

    found = take_turns({"one": with_workers(1), "one a core": with_workers(allowed_cores())}, rounds)
    times_as_fast = {what: ratio(found, "one", "one a core", what) for what in ("wall_s", "cpu_s")}
    return {"pictures": pictures, "cores": allowed_cores(), "times": found, "times_as_fast": times_as_fast}


@contextmanager
def ray_cluster(cores: int) -> Iterator[str]:
    """A cluster of one node; yields its address."""
    from fomm_rt.machine.telemetry import disable_telemetry

    disable_telemetry()
    # By default Ray lowers the priority of its workers, which counts on a machine that does other work as well.
    os.environ.setdefault("RAY_worker_niceness", "0")
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cores, **memory})
    try:
        yield cluster.address
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def measure_ray(folder: Path, jobs: int, rounds: int) -> dict[str, Any]:
    """A cluster against worker processes."""
    faces = pictures_in(folder / "ray-faces", jobs)

    def with_options(*options: object) -> Callable[[], Times]:
        def batch() -> Times:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                part = ("--duration", 1, "--backend", "cpu", *options)
                return run("batch", faces, bundled_performance(), "-o", out, *part)

        return batch

    with ray_cluster(allowed_cores()) as address:
        found = take_turns({"processes": with_options(), "ray": with_options("--ray", address)}, rounds)
    return {"jobs": jobs, "times": found, "overhead": ratio(found, "ray", "processes") - 1}


def measure_memory(folder: Path) -> dict[str, Any]:
    """The memory of the command itself over the number of jobs."""
    peaks = {}
    for jobs in MEMORY_JOBS:
        table = folder / f"{jobs}.csv"
        rows = "".join(f"missing-{number}.png,missing.mp4\n" for number in range(jobs))
        table.write_text(f"source,driving\n{rows}", encoding="utf-8")
        times = run("batch", table, "-o", folder / f"out-{jobs}", "--backend", "cpu", is_expected_to_fail=True)
        peaks[str(jobs)] = times["peak_bytes"]
        print(f"{jobs} jobs: {times['peak_bytes'] / 1e6:.0f} MB at most", flush=True)
    few, many = (peaks[str(jobs)] for jobs in MEMORY_JOBS)
    return {"peak_bytes": peaks, "bytes_a_job": (many - few) / (MEMORY_JOBS[1] - MEMORY_JOBS[0])}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=100, help="jobs of a second, for Ray")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--parts", nargs="+", default=["speed", "workers", "ray", "memory"])
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args(arguments)
    document: dict[str, Any] = {"command": script_command(), "environment": describe_environment()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "speed": lambda: measure_speed(folder, options.pictures, options.rounds),
            "workers": lambda: measure_workers(folder, options.pictures, options.rounds),
            "ray": lambda: measure_ray(folder, options.jobs, options.rounds),
            "memory": lambda: measure_memory(folder),
        }
        for part in options.parts:
            document[part] = parts[part]()
            print({name: value for name, value in document[part].items() if name != "times"}, flush=True)
    if options.json is not None:
        write_document(options.json, document)


if __name__ == "__main__":
    main()
