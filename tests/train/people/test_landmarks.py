"""Landmarks and jacobians of rendered people mean what those of drawn heads mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fomm_train.faces import LANDMARKS, Pose
from fomm_train.people import Moment, draw_moment, draw_person, landmarks
from fomm_train.people.camera import stage_of

pytestmark = pytest.mark.usefixtures("shapes")
PERSON = draw_person(3)


def _points(pose: Pose) -> dict[str, np.ndarray]:
    return dict(zip(LANDMARKS, landmarks(PERSON, Moment(pose)).value.numpy(), strict=True))


def test_a_neutral_face_is_framed_as_drawn_ones_are() -> None:
    points = _points(Pose())
    assert points["upper_lid_left"][0] < points["nose_tip"][0] < points["upper_lid_right"][0]
    assert points["mouth_left"][0] < points["nose_tip"][0] < points["mouth_right"][0]
    downwards = ["crown", "brow_left", "upper_lid_left", "nose_tip", "mouth_left", "lower_lip", "neck_base"]
    heights = [points[name][1] for name in downwards]
    assert heights == sorted(heights)
    assert -0.75 < points["crown"][1] < -0.45
    assert 0.1 < points["nose_tip"][1] < 0.3


def test_jacobians_are_the_identity_in_the_neutral_picture() -> None:
    found = landmarks(PERSON, Moment(Pose())).jacobian.numpy()
    np.testing.assert_allclose(found, np.broadcast_to(np.eye(2), found.shape), atol=1e-5)


def test_jacobians_scale_and_turn_with_the_head() -> None:
    found = landmarks(PERSON, Moment(Pose(roll=0.3, scale=1.3))).jacobian.numpy()[4]
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    np.testing.assert_allclose(found, 1.3 * turn, atol=0.05)


def test_the_jacobian_is_the_derivative_of_the_projection() -> None:
    stage = stage_of(Pose(yaw=0.4, pitch=-0.2, roll=0.1, x=0.2, scale=1.2), 6.0)
    point, weight = np.array([[0.3, 0.2, 0.8]], np.float32), np.ones(1, np.float32)
    step = 1e-2
    numeric = np.empty((2, 2))
    for axis in range(2):
        offset = np.zeros((1, 3), np.float32)
        offset[0, axis] = step
        ahead, behind = (stage.projected(stage.placed(point + s * offset, weight))[0] for s in (1, -1))
        numeric[:, axis] = (ahead - behind) / (2 * step)
    found = stage.jacobian(stage.placed(point, weight)[0], stage.head[:, :3])
    np.testing.assert_allclose(found, numeric, atol=2e-4)


def test_expression_moves_the_landmarks_of_its_feature() -> None:
    calm = _points(Pose())
    shut = _points(Pose(blink_left=1.0))
    assert shut["upper_lid_left"][1] - calm["upper_lid_left"][1] > 0.02
    assert shut["upper_lid_right"] == pytest.approx(calm["upper_lid_right"], abs=1e-3)
    opened = _points(Pose(mouth_open=1.0))
    assert opened["lower_lip"][1] - calm["lower_lip"][1] > 0.06
    assert opened["nose_tip"] == pytest.approx(calm["nose_tip"], abs=0.01)
    smiling = _points(Pose(smile=1.0))
    assert smiling["mouth_right"][0] - smiling["mouth_left"][0] > calm["mouth_right"][0] - calm["mouth_left"][0]
    assert _points(Pose(brow=1.0))["brow_left"][1] < calm["brow_left"][1] - 0.01


def test_turning_the_head_leaves_the_neck() -> None:
    calm, turned = _points(Pose()), _points(Pose(yaw=0.5))
    assert turned["nose_tip"][0] - calm["nose_tip"][0] > 0.15
    assert abs(turned["neck_base"][0] - calm["neck_base"][0]) < 0.05


def test_random_moments_are_finite_and_within_reach() -> None:
    rng = np.random.default_rng(0)
    for seed in range(6):
        value, jacobian = landmarks(replace(PERSON, seed=seed), draw_moment(rng))
        assert value.isfinite().all()
        assert jacobian.isfinite().all()
        assert value[:8].abs().max() < 1.2
