"""Memory, threads and open files of one process that animates file after file, then frame after frame.

    python benchmarks/studies/soak.py [--files 50] [--frames 3000] [--json FILE]

Animates the demo picture by a part of the demo clip again and again, to every format in turn, and opens and closes an
animator each time; then animates frames with one animator. Python's collector of cycles is off: nothing may wait for
it. The exit code is 1 if memory grows by more than 5 % in the second half, or threads or open files by more than 2.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import psutil

from fomm_bench.demo_media import demo_clip, demo_picture
from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt import Animator, VideoReader, animate_file, read_picture

ALLOWED_GROWTH = 0.05
ALLOWED_MORE = 2
FRAMES_A_ROW = 100
NAMES = ("r.mp4", "r.mkv", "r.webm", "r.gif", "r-%03d.png")

Row = dict[str, int]


def measure() -> Row:
    """Resident bytes, threads and open files of this process."""
    process = psutil.Process()
    return {
        "resident_bytes": process.memory_info().rss,
        "threads": process.num_threads(),
        "open_files": process.num_fds() if os.name == "posix" else process.num_handles(),
    }


def repeat(times: int, name: str, work: Callable[[], object]) -> list[Row]:
    """Does the same work again and again and prints what it leaves."""
    rows = []
    for number in range(1, times + 1):
        work()
        row = measure()
        rows.append(row)
        memory = row["resident_bytes"] / 1e6
        print(
            f"{name} {number:4d}  {memory:7.1f} MB  {row['threads']:3d} threads  {row['open_files']:3d} files",
            flush=True,
        )
    return rows


def growth(rows: list[Row]) -> list[str]:
    """What grows after the first half of the rows, in words. Until then, each thread's part of the heap is growing."""
    first, last = rows[: (len(rows) + 1) // 2], rows[-1]
    largest = {name: max(row[name] for row in first) for name in last}
    found = []
    if last["resident_bytes"] > (1 + ALLOWED_GROWTH) * largest["resident_bytes"]:
        ratio = last["resident_bytes"] / largest["resident_bytes"]
        found.append(f"memory grows to {ratio:.2f} of the first half")
    found += [
        f"{name.replace('_', ' ')} grow from {largest[name]} to {last[name]}"
        for name in ("threads", "open_files")
        if last[name] > largest[name] + ALLOWED_MORE
    ]
    return found


def main() -> None:
    """Runs the soak, prints each row, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="fomm-rt-soak-") as folder:
        names = cycle(NAMES)
        files = repeat(
            options.files,
            "file",
            lambda: animate_file(demo_picture(), demo_clip(), Path(folder) / next(names), duration_s=0.5),
        )
    with VideoReader(demo_clip()) as reader, Animator.load() as animator:
        frames = [frame.pixels for frame, _ in zip(reader, range(10), strict=False)]
        animator.set_source(read_picture(demo_picture()))
        pictures = cycle(frames)

        def animate_some() -> None:
            for _ in range(FRAMES_A_ROW):
                animator.animate(next(pictures))

        loops = repeat(max(1, options.frames // FRAMES_A_ROW), f"{FRAMES_A_ROW} frames", animate_some)
    if options.json:
        environment = describe_environment()
        rows = {"files": files, "frames": loops}
        document = {"benchmark": "soak", "command": script_command(), "environment": environment, "rows": rows}
        write_document(options.json, document)
    if found := [*growth(files), *growth(loops)]:
        raise SystemExit("; ".join(found))


if __name__ == "__main__":
    main()
