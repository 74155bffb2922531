"""Videos to write and read back, for tests of the writers."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget


def timing_of(path: Path) -> Timing:
    """Returns the timing that the reader finds."""
    with VideoReader(path) as reader:
        return reader.timing


def frame_pixels(index: int, height: int = 64, width: int = 64) -> NDArray[np.uint8]:
    """Returns a grey picture whose brightness is its index."""
    return np.full((height, width, 3), 20 + (index * 11) % 200, np.uint8)


def write_constant(path: Path, rate: Fraction, count: int, audio_from: Path | None = None) -> None:
    """Writes `count` numbered frames."""
    with VideoTarget(path).open(Timing.constant(rate, count), audio_from) as writer:
        for index in range(count):
            writer.write(frame_pixels(index), index / rate)
        writer.commit()


def convert(source: Path, target: Path, with_audio: bool = True) -> None:
    """Writes the frames that are read from a file to another."""
    with (
        VideoReader(source) as reader,
        VideoTarget(target).open(reader.timing, source if with_audio else None) as writer,
    ):
        for frame in reader:
            writer.write(frame.pixels, frame.time)
        writer.commit()


PATCHES = [
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
    (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 120, 90),
]  # fmt: skip


def patches(height: int) -> NDArray[np.uint8]:
    """Returns `PATCHES` side by side, 64 pixels wide each."""
    return np.concatenate([np.full((height, 64, 3), colour, np.uint8) for colour in PATCHES], axis=1)
