"""Peak memory of `fomm-rt animate` over the length of the clip.

    python benchmarks/studies/memory.py [--seconds 10 600] [--json FILE]

Loops the demo clip to each length, animates it in a process of its own, and reports the peak of the resident set. A
narrow model animates ten minutes of video in minutes; the study is about the length of the clip, not the width of the
networks. The exit code is 1 if memory grows.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

from fomm_bench.demo_media import demo_clip, demo_picture
from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.video_writer import VideoWriter

RATE = Fraction(30)
ALLOWED_GROWTH = 0.05
"""Allowed growth of the peak over that of the first length."""


def loop(clip: Path) -> Iterator[Image]:
    """Yields the frames of a clip in an endless loop."""
    with VideoReader(clip) as reader:
        while True:
            for frame in reader:
                yield frame.pixels


def write_looped(path: Path, seconds: int) -> int:
    """Writes the demo clip looped to a length; returns the number of frames."""
    frames = int(seconds * RATE)
    with VideoWriter(path, RATE) as writer:
        for pixels in islice(loop(demo_clip()), frames):
            writer.write(pixels)
    return frames


def fomm_rt(*arguments: object) -> int:
    """Runs fomm-rt in a process of its own; returns the peak of its resident set in bytes."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    command = [sys.executable, "-m", "fomm_rt", *map(str, arguments), "--quiet"]
    _, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, command), 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    # psutil reports no peak of another process; wait4 does, but counts the parent's memory at the fork.
    if usage.ru_maxrss <= own:
        raise SystemExit("this benchmark is larger than what it measures, so the peak is its own")
    return usage.ru_maxrss * 1024


def main() -> None:
    """Measures, prints a table, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 600], help="lengths; the first is the base")
    parser.add_argument("--animate", nargs="+", default=[], metavar="OPTION", help="more options of fomm-rt animate")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory(prefix="fomm-rt-memory-") as name:
        folder = Path(name)
        model = folder / "narrow"
        fomm_rt("export", "--stand-in", "--config", Path(__file__).parents[1] / "narrow.yaml", "-o", model)
        for seconds in options.seconds:
            clip = folder / f"{seconds}.mp4"
            frames = write_looped(clip, seconds)
            result = folder / f"result-{seconds}.mp4"
            peak = fomm_rt("animate", demo_picture(), clip, "-m", model, "-o", result, *options.animate)
            rows.append({"seconds": seconds, "frames": frames, "peak_bytes": peak})
            ratio = peak / rows[0]["peak_bytes"]
            print(
                f"{seconds:5d} s  {frames:6d} frames  peak {peak / 1e6:7.1f} MB  {ratio:.3f} of the first", flush=True
            )
    if options.json:
        environment = describe_environment()
        document = {"benchmark": "memory", "command": script_command(), "environment": environment, "rows": rows}
        write_document(options.json, document)
    if max(row["peak_bytes"] for row in rows) > (1 + ALLOWED_GROWTH) * rows[0]["peak_bytes"]:
        raise SystemExit(f"memory grows with the clip: more than {ALLOWED_GROWTH:.0%} over the first length")


if __name__ == "__main__":
    main()
