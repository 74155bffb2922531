"""Views of explanations whose pictures are known."""

import numpy as np
import pytest

from fomm_rt.clip.views import draw_deformation, draw_keypoints, draw_occlusion, draw_parts, keypoint_colours, panel
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
    occlusion = draw_occlusion(np.full((16, 16), 0.5, np.float32), SIZE)
    assert set(np.unique(occlusion)) == {128}
    assert len(np.unique(draw_occlusion(None, SIZE))) == 1


def test_panel_without_a_driving_picture() -> None:
    drawn = panel(PICTURE, None, PICTURE)
    assert np.array_equal(drawn[:, :SIZE], PICTURE)
    assert len(np.unique(drawn[:, SIZE : 2 * SIZE])) == 1
