"""Measures batches against single calls, numbers of workers, Ray against worker processes, and memory over many jobs.

    python benchmarks/studies/batch.py [--rounds 1] [--parts speed workers ray memory] [--json FILE]

- speed: `fomm-rt batch` over 40 pictures by the bundled performance, and `fomm-rt animate` once for each of them.
- workers: a batch of a tenth of the pictures by one worker of all threads and by one worker a core.
- ray: 100 jobs of a second of the performance on a cluster of one node, which runs already, and in as many worker
  processes. The start, to the first result, is told apart from the rate of the results after it.
- memory: the largest resident memory of the command and of its workers with few jobs and with many: jobs that fail at
  once, and jobs of one frame that are made, with a driver for every two of them.

What is compared takes turns. Times are wall-clock seconds, and processor seconds of a process and its children. Ray's
workers are no children of the command; for them, and for Ray's own processes, there are the processor seconds of the
whole machine, which are right if it does nothing else.

All parts together take less than 20 minutes on two cores.
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
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from time import perf_counter, sleep, time
from typing import Any

import psutil

from fomm_bench.machine.environment import describe_environment
from fomm_bench.machine.load import busy_s
from fomm_bench.machine.memory import peak_bytes_of
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.machine.processor import allowed_cores

COMMAND = [sys.executable, "-c", "import sys; from fomm_rt.__main__ import main; main()"]
PARTS = ("speed", "workers", "ray", "memory")
FAILING_JOBS, MADE_JOBS = (100, 5000), (40, 400)
LOOK_S = 0.2
"""How often the memory of a command is looked at."""

Times = dict[str, float]


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Starts `fomm-rt`."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_end(process: subprocess.Popen[bytes], exit_code: int = 0) -> None:
    """Waits for a process; ends the study if it fails."""
    if process.wait() != exit_code:
        raise SystemExit(f"{process.args!r}: expected exit code {exit_code}; got {process.returncode}")


def run(*arguments: object) -> Times:
    """Runs `fomm-rt`; returns its wall-clock and processor seconds, and those of the machine."""
    usage, machine, since = resource.getrusage(resource.RUSAGE_CHILDREN), busy_s(), perf_counter()
    check_end(start(*arguments))
    wall_s, after = perf_counter() - since, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    return {"wall_s": wall_s, "cpu_s": cpu_s, "machine_cpu_s": busy_s() - machine}


def peaks_of(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """The largest resident memory, in bytes, of a command and of the largest of its workers, until the command ends."""
    own = workers = 0
    while process.poll() is None:
        own = max(own, peak_bytes_of(process.pid) or 0)
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children():
                workers = max(workers, peak_bytes_of(child.pid) or 0)
        sleep(LOOK_S)
    return own, workers


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
        total = {"wall_s": 0.0, "cpu_s": 0.0, "machine_cpu_s": 0.0}
        with tempfile.TemporaryDirectory(dir=folder) as out:
            for face in sorted(faces.iterdir()):
                target = Path(out, f"{face.stem}.mp4")
                times = run("animate", face, bundled_performance(), "-o", target, "--backend", "cpu")
                for name in total:
                    total[name] += times[name]
        return total

    found = take_turns({"batch": batch, "animate": single}, rounds)
    times_as_fast = {what: ratio(found, "animate", "batch", what) for what in ("wall_s", "cpu_s")}
    return {"pictures": pictures, "times": found, "times_as_fast": times_as_fast}


def measure_workers(folder: Path, pictures: int, rounds: int) -> dict[str, Any]:
    """One worker of all threads against one worker a core, which share the keypoints."""
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
                part, since = ("--duration", 1, "--backend", "cpu", *options), time()
                times = run("batch", faces, bundled_performance(), "-o", out, *part)
                ends = sorted(file.stat().st_mtime for file in Path(out).glob("*.mp4"))
                rate = (len(ends) - 1) / (ends[-1] - ends[0])
                return {**times, "first_s": ends[0] - since, "jobs_per_s": rate}

        return batch

    with ray_cluster(allowed_cores()) as address:
        found = take_turns({"processes": with_options(), "ray": with_options("--ray", address)}, rounds)
    return {
        "jobs": jobs,
        "times": found,
        "overhead": ratio(found, "ray", "processes") - 1,
        "overhead_after_first": ratio(found, "processes", "ray", "jobs_per_s") - 1,
        "first_s": {name: median(times["first_s"] for times in each) for name, each in found.items()},
    }


def measure_memory(folder: Path) -> dict[str, Any]:
    """The memory of the command and its workers over the number of jobs."""
    return {
        "failing": memory_over(FAILING_JOBS, folder, failing_jobs, exit_code=1),
        "made": memory_over(MADE_JOBS, folder, small_jobs, exit_code=0),
    }


def memory_over(
    counts: tuple[int, int], folder: Path, write: Callable[[Path, int], None], exit_code: int
) -> dict[str, Any]:
    """The memory for a small and for a large number of jobs, whose table `write` makes."""
    peaks: dict[str, dict[str, int]] = {}
    for jobs in counts:
        place = folder / f"{write.__name__}-{jobs}"
        place.mkdir()
        write(place / "jobs.csv", jobs)
        process = start("batch", place / "jobs.csv", "-o", place / "out", "--backend", "cpu")
        command, workers = peaks_of(process)
        check_end(process, exit_code)
        peaks[str(jobs)] = {"command": command, "worker": workers}
        print(f"{place.name}: {command / 1e6:.0f} MB, a worker {workers / 1e6:.0f} MB", flush=True)
    few, many = (peaks[str(jobs)] for jobs in counts)
    growth = {name: (many[name] - few[name]) / (counts[1] - counts[0]) for name in many}
    return {"peak_bytes": peaks, "bytes_a_job": growth}


def failing_jobs(table: Path, count: int) -> None:
    """Jobs whose files are missing."""
    rows = "".join(f"missing-{number}.png,missing.mp4\n" for number in range(count))
    table.write_text(f"source,driving\n{rows}", encoding="utf-8")


def small_jobs(table: Path, count: int) -> None:
    """Jobs of a frame; every two have a driver of their own."""
    avatar = bundled_avatars()[0]
    for number in range(count // 2):
        shutil.copy(avatar, table.parent / f"{number}.png")
    rows = "".join(f"{avatar},{number // 2}.png,{number}.mp4\n" for number in range(count))
    table.write_text(f"source,driving,output\n{rows}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40, help="for speed; a tenth of them for workers")
    parser.add_argument("--jobs", type=int, default=100, help="jobs of a second, for ray")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args(arguments)
    document: dict[str, Any] = {"command": script_command(), "environment": describe_environment()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "speed": lambda: measure_speed(folder, options.pictures, options.rounds),
            "workers": lambda: measure_workers(folder, max(2, options.pictures // 10), options.rounds),
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
