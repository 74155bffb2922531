from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from clips import ClipMaker, corners
from fomm_rt import write_picture


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of five small pictures that differ."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        picture = corners()
        picture[: 8 * (number + 1), :16] = 40 * number
        write_picture(folder / f"{number}.png", picture)
    return folder


@pytest.fixture
def talk(make_clip: ClipMaker) -> Path:
    """A driver of 40 moving frames, with sound."""
    return make_clip("talk.mp4", frames=40, pixels=_moving, audio="aac")


@pytest.fixture
def long_talk(make_clip: ClipMaker) -> Path:
    """A driver of 300 moving frames: seconds of work."""
    return make_clip("long.mp4", frames=300, pixels=_moving)


def _moving(index: int) -> NDArray[np.uint8]:
    return np.roll(corners(), 2 * index, axis=1)
