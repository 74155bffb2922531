"""The scale of quality: where it begins and ends, what it does to files, and its default."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm_rt.errors import OutputError
from fomm_rt.image import psnr_db
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write import quality
from fomm_rt.media.write.quality import DEFAULT_QUALITY, check_quality, gif_colours, h264_crf, vp9_crf
from fomm_rt.media.write.video_writer import VideoTarget, VideoWriter

RATE = Fraction(25)


def pictures() -> list[Any]:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:96]
    base = np.stack([rows * 2, columns * 2, (rows + columns)], axis=2)
    return [(base + rng.integers(0, 40, base.shape) + 3 * i).clip(0, 255).astype(np.uint8) for i in range(6)]


def write(path: Path, level: int | None) -> tuple[int, float]:
    """Size of the file and PSNR of its frames."""
    frames = pictures()
    with VideoTarget(path).open(Timing.constant(RATE, len(frames)), quality=level) as writer:
        for index, frame in enumerate(frames):
            writer.write(frame, index / RATE)
        writer.commit()
    with VideoReader(path) as reader:
        errors = [np.square(f.pixels.astype(float) - g).mean() for f, g in zip(reader, frames, strict=True)]
    return path.stat().st_size, psnr_db(float(np.mean(errors)))


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".gif"])
def test_more_quality_is_more_bytes_and_less_error(tmp_path: Path, ending: str) -> None:
    found = [write(tmp_path / f"{level}{ending}", level) for level in (0, 40, 80)]
    sizes, decibels = zip(*found, strict=True)
    assert sizes[0] < sizes[1] < sizes[2]
    assert decibels[0] < decibels[1] < decibels[2]


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_the_default_is_on_the_scale(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"a{ending}", None)
    write(tmp_path / f"b{ending}", DEFAULT_QUALITY)
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_the_table_of_the_module_is_right() -> None:
    rows = [
        line.split()[:4] for line in str(quality.__doc__).splitlines() if line.split()[:1] and line.split()[0].isdigit()
    ]
    assert len(rows) == 6
    for level, crf, vp9, colours in rows:
        assert (h264_crf(int(level)), vp9_crf(int(level)), gif_colours(int(level))) == (crf, vp9, int(colours))


@pytest.mark.parametrize("level", [-1, 101, 50.5, "80"])
def test_other_values_are_refused(tmp_path: Path, level: Any) -> None:
    with pytest.raises(OutputError, match="expected a quality from 0"):
        check_quality(level)
    with pytest.raises(OutputError, match="expected a quality from 0"):
        VideoWriter(tmp_path / "r.mp4", 25, quality=level)
    assert not list(tmp_path.iterdir())


def test_pictures_have_no_quality(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        VideoWriter(tmp_path / "p-%02d.png", 25, quality=50)
    assert "PNG pictures lose nothing" in caplog.text
