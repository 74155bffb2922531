"""Memory and threads that a process holds: over large frames, and over many files.

    python benchmarks/studies/memory_held.py [--runtime FOLDER] [--json FILE]

Animates clips of large frames, each in a process of its own, and a small clip 30 times in one process. Reports the peak
of the resident set, and at the end of the first, the fifth and the last of the 30 the resident set and the threads.
`--runtime` measures the `fomm_rt` of another folder, such as `runtime` of an earlier commit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fomm_bench.demo_media import demo_clip, demo_picture
from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.media.read.video_reader import VideoReader

LARGE = ((3840, 2160, 40), (1920, 1080, 80))
"""Width, height and number of frames."""
FILES = 30
SMALL = (256, 256, 10)

CODE = """
import json, os, sys
from pathlib import Path
from fomm_rt import Animator, animate_file

def kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))

picture, clip, result, times = sys.argv[1:]
held = []
with Animator.load() as animator:
    for _ in range(int(times)):
        animate_file(picture, clip, result, animator=animator)
        held.append([kilobytes("VmRSS") * 1024, len(os.listdir("/proc/self/task"))])
print(json.dumps({"peak_bytes": kilobytes("VmHWM") * 1024, "held": held}))
"""


def write_clip(path: Path, width: int, height: int, frames: int) -> None:
    """Writes the first frames of the demo clip, enlarged to a size and encoded with little effort."""
    with VideoReader(demo_clip()) as reader, av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in islice(reader, frames):
            scaled = np.asarray(cv2.resize(frame.pixels, (width, height)), np.uint8)
            output.mux(stream.encode(VideoFrame.from_ndarray(scaled, format="rgb24")))
        output.mux(stream.encode(None))


def animate(runtime: Path | None, clip: Path, times: int) -> dict[str, Any]:
    """Animates a clip some times in one process; returns what `CODE` prints."""
    folders = [str(runtime)] if runtime else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])}
    command = [
        sys.executable,
        "-c",
        CODE,
        str(demo_picture()),
        str(clip),
        str(clip.with_name("result.mp4")),
        str(times),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measures, prints the figures, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", type=Path, metavar="FOLDER", help="measure the fomm_rt in this folder")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="fomm-rt-memory-") as name:
        clip = Path(name) / "clip.mp4"
        for width, height, frames in LARGE:
            write_clip(clip, width, height, frames)
            peak = animate(options.runtime, clip, 1)["peak_bytes"]
            rows.append({"width": width, "height": height, "frames": frames, "peak_bytes": peak})
            print(f"{width}×{height}, {frames} frames: peak {peak / 1e6:.0f} MB", flush=True)
        write_clip(clip, *SMALL)
        held = animate(options.runtime, clip, FILES)["held"]
    for count in (1, 5, FILES):
        resident, threads = held[count - 1]
        rows.append({"files": count, "resident_bytes": resident, "threads": threads})
        print(f"after file {count}: {resident / 1e6:.0f} MB, {threads} threads", flush=True)
    if options.json:
        document = {
            "benchmark": "memory-held",
            "command": script_command(),
            "environment": describe_environment(),
            "rows": rows,
        }
        write_document(options.json, document)


if __name__ == "__main__":
    main()
