"""Windows into pictures: what they cut, and the way back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fomm_rt.faces.windows import Window
from fomm_rt.image import Image


def position_picture(height: int, width: int) -> Image:
    """A picture whose red and green are the x and y of each pixel's centre, in quarters of a pixel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 4, y * 4, np.full_like(x, 255)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("angle_deg", [0, 30, -90, 180])
@pytest.mark.parametrize("side", [16.0, 24.5, 40.0])
def test_a_cut_shows_what_its_way_back_says(angle_deg: float, side: float) -> None:
    window, size = Window((30.5, 28.0), side, angle_deg), 20
    cut = window.cut(position_picture(60, 60), size)
    y, x = np.mgrid[4:16, 4:16]
    there = window.to_picture(np.stack([x + 0.5, y + 0.5], axis=-1).astype(np.float32), size)
    assert_allclose(cut[4:16, 4:16, :2] / 4 + 0.5, there, atol=0.6)


def test_outside_the_picture_is_black() -> None:
    picture = np.full((40, 40, 3), 200, np.uint8)
    cut = Window((0, 20), 40).cut(picture, 20)
    assert (cut[:, :9] == 0).all()
    assert (cut[2:-2, 12:-2] == 200).all()
    assert (Window((500, 500), 20).cut(picture, 10) == 0).all()


def test_a_whole_picture_keeps_its_proportions() -> None:
    cut = Window.around(np.full((50, 200, 3), 255, np.uint8)).cut(np.full((50, 200, 3), 255, np.uint8), 100)
    assert (cut[40:60] == 255).all()
    assert (cut[:35] == 0).all()
    assert (cut[65:] == 0).all()


def test_shrinking_averages() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    assert_allclose(Window((200, 200), 300).cut(stripes, 30)[2:-2, 2:-2], 100, atol=2)
