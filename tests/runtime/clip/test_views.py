"""Views of explanations whose pictures are known."""

import numpy as np
import pytest

from fomm_rt.backends.protocol import Explanation
from fomm_rt.clip.views import (
    CAPTION_HEIGHT,
    draw_deformation,
    draw_keypoints,
    draw_map,
    draw_parts,
    draw_taken,
    explanation_view,
    keypoint_colours,
    panel,
)
from fomm_rt.motion.keypoints import Keypoints

SIZE = 64
PICTURE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def identity(align_corners: bool) -> np.ndarray:
    side = np.linspace(-1, 1, SIZE) if align_corners else (2 * np.arange(SIZE) + 1) / SIZE - 1
    return np.stack(np.meshgrid(side, side), axis=-1).astype(np.float32)


@pytest.mark.parametrize("align_corners", [True, False])
def test_identity_deformation_shows_the_source_under_the_grid(align_corners: bool) -> None:
    drawn = draw_deformation(PICTURE, identity(align_corners), align_corners).astype(int)
    lines = np.linspace(0, SIZE - 1, 17).round().astype(int)
    between = np.ix_(*[np.setdiff1d(np.arange(SIZE), lines)] * 2)
    # OpenCV interpolates in steps of 1/32 pixel.
    assert np.abs(drawn[between] - PICTURE[between].astype(int)).max() <= 8


def test_deformation_shifts_the_picture_by_half() -> None:
    field = identity(True) + np.array([1, 0], np.float32)
    drawn = draw_deformation(PICTURE, field, align_corners=True)
    assert not drawn[:, SIZE // 2 + 1 :].any()
    assert drawn[:, : SIZE // 2 - 1].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_draws_a_deformation_that_is_not_finite(value: float) -> None:
    drawn = draw_deformation(PICTURE, np.full((16, 16, 2), value, np.float32), align_corners=True)
    assert drawn.shape == (SIZE, SIZE, 3)


def test_keypoints_are_drawn_where_they_are() -> None:
    colours = keypoint_colours(3)
    value = np.array([[-0.5, -0.5], [0.5, -0.5], [0, 0.5]], np.float32)
    drawn = draw_keypoints(np.zeros((SIZE, SIZE, 3), np.uint8), Keypoints(value))
    for point, colour in zip(value, colours, strict=True):
        x, y = ((point + 1) / 2 * (SIZE - 1)).round().astype(int)
        assert tuple(drawn[y, x]) == colour
    assert len(set(colours)) == 3


def test_draws_keypoints_that_are_not_finite() -> None:
    value = np.array([[np.nan, 0], [np.inf, -np.inf]], np.float32)
    jacobian = np.full((2, 2, 2), np.nan, np.float32)
    assert draw_keypoints(PICTURE, Keypoints(value, jacobian)).shape == PICTURE.shape


def test_draws_masks_and_occlusion_map() -> None:
    mask = np.zeros((3, 16, 16), np.float32)
    mask[0, :, :8], mask[2, :, 8:] = 1, 1
    drawn = draw_parts(mask, SIZE)
    assert not drawn[:, :28].any()
    assert tuple(drawn[30, 50]) == keypoint_colours(2)[1]
    occlusion = draw_map(np.full((16, 16), 0.5, np.float32), SIZE)
    assert set(np.unique(occlusion)) == {128}
    assert len(np.unique(draw_map(None, SIZE))) == 1


def test_draws_the_part_taken_from_the_source() -> None:
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[:, 32:] = 1
    drawn = draw_taken(PICTURE, identity(True), mask)
    assert not drawn[:, :32].any()
    assert np.abs(drawn[:, 32:].astype(int) - PICTURE[:, 32:]).max() <= 8
    assert draw_taken(PICTURE, np.full((16, 16, 2), np.nan, np.float32), mask).shape == PICTURE.shape


@pytest.mark.parametrize("blends", [False, True])
def test_a_view_has_a_fourth_column_for_the_blend(blends: bool) -> None:
    keypoints = Keypoints(np.zeros((2, 2), np.float32))
    blend_mask = np.full((SIZE, SIZE), 0.5, np.float32) if blends else None
    small = np.full((3, 16, 16), 1 / 3, np.float32)
    maps = identity(True)[::4, ::4].copy(), small, None, blend_mask
    explanation = Explanation(PICTURE, keypoints, keypoints, keypoints, *maps)
    drawn = explanation_view(PICTURE, PICTURE, explanation, align_corners=True)
    assert drawn.shape == (2 * (SIZE + CAPTION_HEIGHT), (4 if blends else 3) * SIZE, 3)
    if blends:
        assert set(np.unique(drawn[CAPTION_HEIGHT : SIZE + CAPTION_HEIGHT, 3 * SIZE :])) == {128}


def test_panel_without_a_driving_picture() -> None:
    drawn = panel(PICTURE, None, PICTURE)
    assert np.array_equal(drawn[:, :SIZE], PICTURE)
    assert len(np.unique(drawn[:, SIZE : 2 * SIZE])) == 1
