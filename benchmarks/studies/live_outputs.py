"""What the outputs of a live session cost: processor time a picture, and bytes of a recording.

    python benchmarks/studies/live_outputs.py [--frames 90] [--rounds 5]

Takes frames of the bundled performance for results. Times are those of the thread that calls, so other programs disturb
them little; the steps take turns, and medians are shown. Ratios are to the first line of each table.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from time import thread_time
from unittest.mock import patch

import cv2
import numpy as np

from fomm_rt.bundled import bundled_performance
from fomm_rt.image import Image
from fomm_rt.live.frames import Driver, LiveFrame
from fomm_rt.live.outputs import recording_file
from fomm_rt.live.outputs.canvas import DEFAULT_SIZE, Canvas
from fomm_rt.live.outputs.recording_file import RecordingFile
from fomm_rt.media.read.video_reader import VideoReader

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast")
RATE = 30


def frames(count: int) -> list[Image]:
    """The first frames of the bundled performance."""
    with VideoReader(bundled_performance()) as reader:
        return [frame.pixels for frame in islice(reader, count)]


def canvas_steps(pictures: Sequence[Image]) -> dict[str, Callable[[Image], object]]:
    """Name -> what is done with a picture to compose a canvas of 1280×720."""
    canvas = Canvas()

    def compose(driver: Driver, size: tuple[int, int] | None = None) -> Callable[[Image], object]:
        def step(picture: Image) -> object:
            shown = picture if size is None else larger[size]
            frame = LiveFrame(0, 0.0, shown, driver, shown, shown)
            return canvas.compose(frame, is_mirrored=False)

        return step

    larger: dict[tuple[int, int], Image] = {
        size: np.asarray(cv2.resize(pictures[0], size), np.uint8) for size in ((640, 480), DEFAULT_SIZE, (1920, 1080))
    }
    passthrough = {f"the camera's picture, {w}×{h}": compose("passthrough", (w, h)) for w, h in larger}
    composed = canvas.fit(pictures[0]).copy()
    return {
        "an avatar of 256×256": compose("face"),
        **passthrough,
        "RGB to YUV 4:2:0, for the device": lambda _picture: cv2.cvtColor(composed, cv2.COLOR_RGB2YUV_I420),
    }


def median_ms(steps: dict[str, Callable[[Image], object]], pictures: Sequence[Image], rounds: int) -> dict[str, float]:
    """Step -> median processor time of a picture in milliseconds; the steps take turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            for picture in pictures:
                start = thread_time()
                step(picture)
                times[name].append((thread_time() - start) * 1e3)
    return {name: statistics.median(found) for name, found in times.items()}


def recorded(preset: str, pictures: Sequence[Image], folder: Path) -> tuple[float, float]:
    """Median processor time in milliseconds and bytes of a picture that is recorded with a preset of x264."""
    options = {**recording_file.ENCODER_OPTIONS, "preset": preset}
    path = folder / f"{preset}.mkv"
    times = []
    with patch.object(recording_file, "ENCODER_OPTIONS", options):
        file = RecordingFile(path, (pictures[0].shape[1], pictures[0].shape[0]), 0.0)
        for number, picture in enumerate(pictures):
            start = thread_time()
            file.write(picture, number / RATE)
            times.append((thread_time() - start) * 1e3)
        file.finish()
    return statistics.median(times), path.stat().st_size / len(pictures)


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    pictures = frames(arguments.frames)

    found = median_ms(canvas_steps(pictures), pictures, arguments.rounds)
    first = next(iter(found.values()))
    print("| canvas of 1280×720 | ms of one core | ratio |\n|---|---|---|")
    for name, time_ms in found.items():
        print(f"| {name} | {time_ms:.2f} | {time_ms / first:.2f} |")

    with tempfile.TemporaryDirectory() as folder:
        turns = [
            {preset: recorded(preset, pictures, Path(folder)) for preset in PRESETS} for _ in range(arguments.rounds)
        ]
    print("\n| recording 256×256 with | ms of one core | ratio | bytes a picture | ratio |\n|---|---|---|---|---|")
    times = {preset: statistics.median(turn[preset][0] for turn in turns) for preset in PRESETS}
    sizes = {preset: turns[0][preset][1] for preset in PRESETS}
    for preset in PRESETS:
        time_ratio, size_ratio = times[preset] / times[PRESETS[0]], sizes[preset] / sizes[PRESETS[0]]
        print(f"| {preset} | {times[preset]:.2f} | {time_ratio:.2f} | {sizes[preset]:.0f} | {size_ratio:.2f} |")


if __name__ == "__main__":
    cv2.setNumThreads(1)  # the time of other threads is not counted
    main()
