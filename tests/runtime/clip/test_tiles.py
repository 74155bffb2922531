"""Tiles on a canvas, and the text on them."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_rt.clip.tiles import BACKGROUND, BAND_HEIGHT, GUTTER, TileGrid, draw_label, grid_shape, write_centred


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (3, (2, 2)), (5, (2, 3)), (7, (2, 4)), (8, (2, 4)), (9, (3, 3))]
)
def test_grid_shape(count: int, shape: tuple[int, int]) -> None:
    assert grid_shape(count) == shape


def test_every_count_fits_in_an_even_grid() -> None:
    for count in range(1, 60):
        rows, columns = grid_shape(count)
        assert count <= rows * columns < count + columns
        assert rows <= columns <= 2 * rows


def test_tiles_are_apart_and_on_the_canvas() -> None:
    grid = TileGrid(2, 3, 64)
    assert grid.canvas.shape == (2 * 64 + 3 * GUTTER, 3 * 64 + 4 * GUTTER, 3)
    for i in range(6):
        grid.tile(*divmod(i, 3))[...] = 100 + i
    values, counts = np.unique(grid.canvas[..., 0], return_counts=True)
    assert list(values) == [BACKGROUND[0], *range(100, 106)]
    assert set(counts[1:]) == {64 * 64}


def test_caption_and_headings_have_room_of_their_own() -> None:
    plain, grid = TileGrid(1, 2, 64), TileGrid(1, 2, 64, caption="outside", with_headings=True)
    grid.write_heading(1, "1.25 s")
    assert grid.canvas.shape[0] == plain.canvas.shape[0] + 2 * BAND_HEIGHT
    assert (grid.canvas[:BAND_HEIGHT] != BACKGROUND).any()
    heading = grid.canvas[BAND_HEIGHT : 2 * BAND_HEIGHT] != BACKGROUND
    assert heading[:, 64 + 2 * GUTTER :].any()
    assert not heading[:, : 64 + 2 * GUTTER].any()
    assert np.array_equal(grid.canvas[2 * BAND_HEIGHT :], plain.canvas)


@pytest.mark.parametrize("size", [16, 64, 256])
def test_label_stays_in_its_corner(size: int) -> None:
    picture = np.full((size, size, 3), 120, np.uint8)
    draw_label(picture, "driver")
    assert (picture != 120).any()
    assert picture.max() > 120  # light text
    assert (picture[size // 2 + 16 :] == 120).all()
    if size == 256:
        assert (picture[:, 100:] == 120).all()


def test_writes_centred_text() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    write_centred(picture, "driver")
    rows, columns, _ = np.nonzero(picture)
    assert abs(rows.mean() - 50) < 4
    assert abs(columns.mean() - 100) < 4


def test_shrinks_text_that_is_too_long() -> None:
    picture = np.full((64, 64, 3), 120, np.uint8)
    draw_label(picture, "a text that is far too long for a tile of this size")
    assert (picture[20:] == 120).all()
