"""Pasting predictions back into the picture."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fomm_bench.scenes import background
from fomm_rt.errors import ImageError
from fomm_rt.faces.paste_back import PasteBack, feather, paste_back
from fomm_rt.framing import Region, resample

PICTURE = background(300, 400)
SIZE = 64


def square(x: int, y: int, side: int) -> Region:
    return Region(x, y, side, side, 0, 0, side)


INSIDE = square(100, 60, 150)


def outside(region: Region) -> np.ndarray:
    mask = np.ones(PICTURE.shape[:2], bool)
    mask[region.y : region.y + region.side, region.x : region.x + region.side] = False
    return mask


def test_pixels_outside_the_square_are_untouched() -> None:
    before = PICTURE.copy()
    result = paste_back(PICTURE, INSIDE, np.zeros((SIZE, SIZE, 3), np.uint8))
    assert_array_equal(result[outside(INSIDE)], PICTURE[outside(INSIDE)])
    assert_array_equal(PICTURE, before)
    assert (result[100:160, 150:200] == 0).all()


def test_the_edge_is_soft() -> None:
    result = paste_back(PICTURE, INSIDE, np.zeros((SIZE, SIZE, 3), np.uint8)).astype(int)
    row = result[130, 90:180, 0] / PICTURE[130, 90:180, 0]
    assert row[:10].min() == 1
    assert abs(np.diff(row)).max() < 0.12
    assert row[40] == 0


@pytest.mark.parametrize(
    "region", [square(0, 60, 150), square(250, 60, 150), square(100, 0, 150), square(100, 150, 150)]
)
def test_an_edge_of_the_picture_is_not_feathered(region: Region) -> None:
    weights = feather(region, *PICTURE.shape[:2])
    middle = {
        "left": weights[75, 0],
        "right": weights[75, -1],
        "top": weights[0, 75],
        "bottom": weights[-1, 75],
    }
    of_picture = {
        "left": region.x == 0,
        "right": region.x + region.side == 400,
        "top": region.y == 0,
        "bottom": region.y + region.side == 300,
    }
    assert {name: weight > 0.99 for name, weight in middle.items()} == of_picture


@pytest.mark.parametrize("dark", [0, 30])
def test_a_face_at_rest_leaves_the_picture_as_it_is(dark: int) -> None:
    source_image = resample(PICTURE, INSIDE, SIZE)
    rest = source_image - np.minimum(source_image, np.uint8(dark))
    paste = PasteBack(PICTURE, INSIDE, source_image, rest)
    canvas = PICTURE.copy()
    paste(canvas, rest)
    assert_array_equal(canvas, PICTURE)


def test_noise_of_the_networks_leaves_the_picture_as_it_is() -> None:
    source_image = resample(PICTURE, INSIDE, SIZE)
    paste = PasteBack(PICTURE, INSIDE, source_image, source_image)
    canvas = PICTURE.copy()
    paste(canvas, (source_image + np.random.default_rng(0).integers(0, 3, source_image.shape)).astype(np.uint8))
    assert_array_equal(canvas, PICTURE)


def test_only_moving_parts_are_replaced_in_matched_colours() -> None:
    source_image = resample(PICTURE, INSIDE, SIZE)
    rest = source_image - np.uint8(20)  # the networks darken everything
    moved = rest.copy()
    moved[24:40, 24:40] = 200
    paste = PasteBack(PICTURE, INSIDE, source_image, rest)
    canvas = PICTURE.copy()
    paste(canvas, moved)
    assert_array_equal(canvas[outside(INSIDE)], PICTURE[outside(INSIDE)])
    middle = canvas[60 + 75 - 10 : 60 + 75 + 10, 100 + 75 - 10 : 100 + 75 + 10]
    assert_allclose(middle, 220, atol=2)
    far = np.s_[62:80, 102:245]
    assert_array_equal(canvas[far], PICTURE[far])


def test_rejects_squares_and_arrays_that_do_not_fit() -> None:
    prediction = np.zeros((SIZE, SIZE, 3), np.uint8)
    with pytest.raises(ImageError, match="within the picture of 400×300"):
        paste_back(PICTURE, square(300, 60, 150), prediction)
    with pytest.raises(ImageError, match="within the picture of 400×300"):
        paste_back(PICTURE, Region(0, 0, 400, 300, 0, 50, 400), prediction)
    with pytest.raises(ImageError, match="uint8"):
        paste_back(PICTURE, INSIDE, prediction.astype(np.float32))
    with pytest.raises(ImageError, match="square prediction"):
        paste_back(PICTURE, INSIDE, prediction[:32])
    with pytest.raises(ImageError, match="a prediction of shape"):
        PasteBack(PICTURE, INSIDE, prediction, prediction)(PICTURE.copy(), prediction[:32, :32])
    with pytest.raises(ImageError, match="one size"):
        PasteBack(PICTURE, INSIDE, prediction, prediction[:32, :32])
