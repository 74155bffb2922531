"""Drawn heads are repeatable, in range, equal at every size, and change where the pose changes."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fomm_train.faces import Identity, Pose, draw_identity, draw_pose, feature_boxes, landmarks, render, render_picture
from fomm_train.faces.identity import BACKGROUNDS, BEARDS, CLOTHES, GLASSES, HAIR_STYLES
from fomm_train.faces.palettes import SPECIES

CALM = Pose()


def change(identity: Identity, pose: Pose, size: int = 128) -> torch.Tensor:
    """(size, size): how much each pixel differs from the neutral pose."""
    return (render(identity, pose, size) - render(identity, CALM, size)).abs().mean(dim=0)


def share_within(difference: torch.Tensor, boxes: list[tuple[int, int, int, int]]) -> float:
    inside = sum(float(difference[y0:y1, x0:x1].sum()) for x0, y0, x1, y1 in boxes)
    return inside / float(difference.sum())


def test_equal_seeds_give_equal_pixels() -> None:
    first = render(draw_identity(5), CALM, 64)
    draw_identity.cache_clear()
    assert torch.equal(first, render(draw_identity(5), CALM, 64))
    assert float((first - render(draw_identity(6), CALM, 64)).abs().mean()) > 0.02


@pytest.mark.parametrize("species", SPECIES)
def test_every_species_stays_in_range(species: str) -> None:
    rng = np.random.default_rng(0)
    for seed in range(4):
        picture = render(draw_identity(seed, species), draw_pose(rng, 1.3), 64)
        assert picture.shape == (3, 64, 64)
        assert picture.dtype == torch.float32
        assert bool(picture.isfinite().all())
        assert 0 <= float(picture.min()) < float(picture.max()) <= 1


def test_every_style_is_drawn_and_stays_in_range() -> None:
    expected_styles = {*HAIR_STYLES, *BEARDS, *GLASSES, *CLOTHES, *BACKGROUNDS}
    met: set[str] = set()
    for seed in range(600):
        i = draw_identity(seed, "human")
        styles = {i.hair, i.beard, i.glasses, i.clothes, i.background}
        if styles <= met:
            continue
        met |= styles
        picture = render(i, Pose(yaw=0.4, mouth_open=0.7), 64)
        assert bool(picture.isfinite().all())
        assert float(picture.min()) >= 0
        assert float(picture.max()) <= 1
    assert met == expected_styles


def test_three_quarters_are_human() -> None:
    share = np.mean([draw_identity(seed).species == "human" for seed in range(400)])
    assert 0.68 < share < 0.82


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_blink_changes_the_eyes(seed: int) -> None:
    identity = draw_identity(seed)
    boxes = feature_boxes(identity, CALM, 128)
    difference = change(identity, Pose(blink_left=1, blink_right=1))
    assert share_within(difference, [boxes["eye_left"], boxes["eye_right"]]) > 0.75
    assert float(difference[boxes["eye_left"][1] : boxes["eye_left"][3]].max()) > 0.2


def test_a_wink_changes_one_eye() -> None:
    identity = draw_identity(1)
    difference = change(identity, Pose(blink_left=1))
    assert float(difference[:, :64].sum()) > 20 * float(difference[:, 64:].sum())


@pytest.mark.parametrize("seed", [3, 11, 22])
def test_an_opening_mouth_changes_the_mouth(seed: int) -> None:
    identity = draw_identity(seed, "human")
    boxes = feature_boxes(identity, CALM, 128)
    difference = change(identity, Pose(mouth_open=1))
    x0, y0, x1, y1 = boxes["mouth"]
    assert share_within(difference, [boxes["mouth"]]) > 0.4
    assert float(difference[y0:y1, x0:x1].mean()) > 5 * float(difference.mean())


def test_the_chest_hardly_moves_with_yaw() -> None:
    difference = change(draw_identity(3), Pose(yaw=0.5))
    assert float(difference[118:].mean()) < 0.25 * float(difference[40:90].mean())


def test_motion_is_continuous() -> None:
    identity = draw_identity(3)
    for name in ("yaw", "pitch", "mouth_open", "blink_left", "smile"):
        pictures = [render(identity, Pose(**{name: 0.2 + 0.01 * step}), 64) for step in range(6)]
        steps = [float((b - a).abs().mean()) for a, b in itertools.pairwise(pictures)]
        assert max(steps) < 3 * (sum(steps) / len(steps)), name


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_pictures_of_all_sizes_agree(seed: int) -> None:
    identity, pose = draw_identity(seed), Pose(yaw=0.3, mouth_open=0.5)
    small = render(identity, pose, 64)
    # Positions -1 and 1 are the centres of the corner pixels in both sizes, hence align_corners.
    blurred = F.avg_pool2d(render(identity, pose, 256)[None], 5, 1, 2, count_include_pad=False)
    large = F.interpolate(blurred, (64, 64), mode="bilinear", align_corners=True)[0]
    assert float((small - large).abs().mean()) < 0.015


def test_a_picture_can_take_part_in_training() -> None:
    weight = torch.ones(1, requires_grad=True)
    (gradient,) = torch.autograd.grad((render(draw_identity(1), CALM, 64) * weight).sum(), [weight])
    assert float(gradient) > 0


def test_supersampling_refines_the_same_picture() -> None:
    identity = draw_identity(8)
    plain, fine = render(identity, CALM, 96), render(identity, CALM, 96, supersample=2)
    assert plain.shape == fine.shape
    assert 0 < float((plain - fine).abs().mean()) < 0.01


def test_the_picture_is_the_rounded_rendering() -> None:
    identity = draw_identity(2)
    picture = render_picture(identity, CALM, 64)
    assert picture.dtype == np.uint8
    expected = render(identity, CALM, 64).permute(1, 2, 0).numpy() * 255
    assert np.abs(picture.astype(np.float32) - expected).max() <= 0.5001


def test_the_open_eye_begins_at_the_lid_landmark() -> None:
    identity = draw_identity(3)
    value = landmarks(identity, CALM).value
    column, lid = (int(v) for v in ((value[0] + 1) * 0.5 * 255).round())
    gone = (render(identity, CALM) - render(identity, Pose(blink_left=1, blink_right=1))).abs().mean(dim=0)
    rows = torch.nonzero(gone[:, column] > 0.06).flatten()
    assert abs(int(rows.min()) - lid) <= 6
