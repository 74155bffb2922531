"""A model, a source and a driving clip for the tests of whole clips."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from clips import write_clip
from fomm_rt.animator import Animator
from fomm_rt.media.write.picture import write_picture
from golden_clip import GOLDEN, driving_pixels


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model) as animator:
        yield animator


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    write_picture(path, GOLDEN.source)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(
        tmp_path / "clip.mp4",
        frames=7,
        rate=Fraction(30000, 1001),
        size=(80, 64),
        audio="aac",
        pixels=driving_pixels,
        options={"crf": "1"},
    )
