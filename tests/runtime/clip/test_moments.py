"""Choosing moments of clips whose most different frames are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from fomm_rt.clip import moments
from fomm_rt.clip.moments import choose_moments, thumbnail
from fomm_rt.image import Image


def points(*values: float) -> list[np.ndarray]:
    return [np.array([value], np.float32) for value in values]


def test_chooses_the_first_frame_and_the_farthest() -> None:
    assert choose_moments(points(0, 1, 10, 9, 5, -4), 1) == [0]
    assert choose_moments(points(0, 1, 10, 9, 5, -4), 3) == [0, 2, 4]
    assert choose_moments(points(0, 1, 10, 9, 5, -4), 4) == [0, 2, 4, 5]


def test_frames_that_repeat_are_not_chosen_twice() -> None:
    assert choose_moments(points(3, 3, 7, 3, 7, 7), 6) == [0, 2]
    assert choose_moments(points(3), 6) == [0]
    assert choose_moments([], 6) == []


def test_descriptions_may_have_any_shape() -> None:
    keypoints = [np.full((10, 2), value, np.float32) for value in (0, 0.1, 0.9, 0.5)]
    assert choose_moments(keypoints, 3) == [0, 2, 3]


@pytest.mark.parametrize("frames", [512, 513, 1024, 1025, 5000])
def test_long_clips_are_sampled(frames: int) -> None:
    """From a clip that moves left to right, the ends and the middle are chosen, examining few frames."""
    alive: set[int] = set()
    most = 0

    class Description(np.ndarray):
        def __del__(self) -> None:
            alive.discard(id(self))

    def clip() -> Iterator[np.ndarray]:
        nonlocal most
        for i in range(frames):
            description = points(i)[0].view(Description)
            alive.add(id(description))
            most = max(most, len(alive))
            yield description

    chosen = choose_moments(clip(), 3)
    expected = [0, frames / 2, frames - 1]
    assert np.abs(np.array(chosen) - expected).max() <= 2 * max(1, frames / moments.MOST_FRAMES)
    assert most <= moments.MOST_FRAMES + 2


def face(eyes: int = 8, mouth: int = 2, turn: int = 0) -> Image:
    picture = np.full((256, 256, 3), (150, 160, 180), np.uint8)
    picture[40:220, 70 + turn : 190 + turn] = (235, 195, 160)
    for x in (100, 145):
        picture[110 - eyes : 110 + eyes, x + turn : x + turn + 20] = (40, 60, 90)
    picture[175 - mouth : 175 + mouth, 110 + turn : 150 + turn] = (120, 30, 40)
    return picture


def test_thumbnails_tell_turning_blinking_and_speaking_apart() -> None:
    clip = [face(), face(turn=1), face(eyes=1), face(eyes=7), face(mouth=12), face(mouth=3), face(turn=25)]
    assert choose_moments(map(thumbnail, clip), 4) == [0, 2, 4, 6]
