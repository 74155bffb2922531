"""The pictures that are animated: real ones where they are at hand, for the bundled model drawn faces."""

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
    """A source and a driving clip.

    Attributes:
        picture: The source's file.
        clip: The driving video.
    """

    picture: Path
    clip: Path

    def describe(self) -> str:
        """One phrase for people."""
        return f"{self.picture.name} by {self.clip.name}"


def bench_media(drawn: bool) -> BenchMedia:
    """The media for a model.

    Args:
        drawn: The model knows drawn faces: the bundled ones. Otherwise a portrait and a filmed talking head of the
            [demo] extra; without it, the bundled ones all the same: speed does not depend on them, quality does.
    """
    if not drawn:
        try:
            return BenchMedia(demo_picture(), demo_clip())
        except MediaError as error:
            _log.warning("drawn faces are animated instead of filmed ones: %s", error)
    return BenchMedia(bundled_avatars()[0], bundled_performance())


def read_square(path: Path, size: int) -> Image:
    """The centred square of a picture, (size, size, 3) uint8."""
    return centred_square(read_picture(path), size)


def read_frames(clip: Path, size: int, count: int) -> Image:
    """The first frames of a clip, or all if there are fewer: their centred squares, (N, size, size, 3) uint8."""
    return np.stack(list(islice(squares(clip, size), count)))


def squares(clip: Path, size: int) -> Iterator[Image]:
    """The centred square of every frame, each (size, size, 3) uint8."""
    with VideoReader(clip) as reader:
        for frame in reader:
            yield centred_square(frame.pixels, size)
