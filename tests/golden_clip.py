"""The clip that drives tests of whole clips, made of the frames of a golden."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def driving_pixels(index: int) -> Image:
    """Returns the golden's driving frames in turn, 80 pixels wide, each with its own brightness."""
    frame = GOLDEN.driving[index % 3].astype(int) + index
    return np.pad(frame.clip(0, 255).astype(np.uint8), ((0, 0), (8, 8), (0, 0)), mode="edge")


def frames_of(path: Path) -> list[Image]:
    with VideoReader(path) as reader:
        return [frame.pixels for frame in reader]
