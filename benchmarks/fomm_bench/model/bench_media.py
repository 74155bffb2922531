"""The media of a benchmark: real footage for models trained on it, drawn faces for the bundled model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from logging import getLogger
from pathlib import Path

import numpy as np

from fomm_bench.demo_media import demo_clip, demo_picture
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.errors import MediaError
from fomm_rt.framing import centred_square
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader

_log = getLogger("fomm_rt")


@dataclass(frozen=True)
class BenchMedia:
    """The files of a source image and of a driving clip."""

    picture: Path
    clip: Path

    def describe(self) -> str:
        """One phrase for people."""
        return f"{self.picture.name} by {self.clip.name}"


def bench_media(drawn: bool) -> BenchMedia:
    """The bundled media for a model trained on drawn faces, otherwise a portrait and a filmed talking head.

    Those come with the [demo] extra. Without it, all models get the bundled media, which changes quality, not speed.
    """
    if not drawn:
        try:
            return BenchMedia(demo_picture(), demo_clip())
        except MediaError as error:
            _log.warning("using drawn faces instead of filmed ones: %s", error)
    return BenchMedia(bundled_avatars()[0], bundled_performance())


def read_square(path: Path, size: int) -> Image:
    """The central square of a picture, (size, size, 3) uint8."""
    return centred_square(read_picture(path), size)


def read_frames(clip: Path, size: int, count: int) -> Image:
    """The central squares of the first `count` frames of a clip, or of all, (N, size, size, 3) uint8."""
    return np.stack(list(islice(squares(clip, size), count)))


def squares(clip: Path, size: int) -> Iterator[Image]:
    """The central square of every frame, each (size, size, 3) uint8."""
    with VideoReader(clip) as reader:
        for frame in reader:
            yield centred_square(frame.pixels, size)
