"""Landmarks follow the drawn features, and blends of their planes reach every depth of a head."""

import numpy as np
import pytest
import torch

from fomm_train.faces import LANDMARKS, Pose, anatomy, draw_identity, draw_pose, feature_boxes, landmarks, surface_map
from fomm_train.faces.camera import head_view, torso_view
from fomm_train.faces.landmarks import face_points, surface_depth

INDEX = {name: index for index, name in enumerate(LANDMARKS)}


@pytest.mark.parametrize("seed", range(8))
def test_jacobians_of_the_neutral_pose_are_the_identity(seed: int) -> None:
    found = landmarks(draw_identity(seed), Pose())
    assert found.value.shape == (10, 2)
    torch.testing.assert_close(found.jacobian, torch.eye(2).expand(10, 2, 2), atol=1e-4, rtol=0)


def test_expression_moves_its_landmarks_down() -> None:
    identity = draw_identity(3)
    calm = landmarks(identity, Pose()).value
    opened = landmarks(identity, Pose(mouth_open=1)).value
    assert float(opened[INDEX["lower_lip"], 1] - calm[INDEX["lower_lip"], 1]) > 0.1
    shut = landmarks(identity, Pose(blink_left=1)).value
    assert float(shut[INDEX["upper_lid_left"], 1] - calm[INDEX["upper_lid_left"], 1]) > 0.05
    assert torch.equal(shut[INDEX["upper_lid_right"]], calm[INDEX["upper_lid_right"]])
    raised = landmarks(identity, Pose(brow=1)).value
    assert float(raised[INDEX["brow_left"], 1]) < float(calm[INDEX["brow_left"], 1]) - 0.02


def test_yaw_moves_the_nose_more_than_the_eyes_and_the_neck_least() -> None:
    identity = draw_identity(3)
    calm, turned = (landmarks(identity, Pose(yaw=yaw)).value for yaw in (0.0, 0.4))
    shift = (turned - calm)[:, 0]
    eyes = 0.5 * float(shift[INDEX["upper_lid_left"]] + shift[INDEX["upper_lid_right"]])
    assert float(shift[INDEX["nose_tip"]]) > eyes + 0.02
    assert eyes > 0.02
    assert abs(float(shift[INDEX["neck_base"]])) < 0.25 * eyes


def test_jacobians_contain_roll_and_scale() -> None:
    found = landmarks(draw_identity(3), Pose(roll=0.3, scale=1.1)).jacobian[INDEX["nose_tip"]].numpy()
    c, s = np.cos(0.3), np.sin(0.3)
    np.testing.assert_allclose(found, 1.1 * np.array([[c, -s], [s, c]]), atol=1e-3)


def test_a_blend_of_near_and_far_landmarks_moves_any_point_between_them() -> None:
    identity, here, there = draw_identity(3), Pose(yaw=0.5, pitch=-0.2, scale=1.1), Pose(yaw=-0.3, roll=0.2, x=0.1)
    place = np.array([0.3, 0.1, 0.35])
    target, expected = (head_view(pose).project(place) for pose in (here, there))
    moved = []
    for name in ("nose_tip", "crown"):
        a, b = (landmarks(identity, pose) for pose in (here, there))
        index = INDEX[name]
        jacobian = b.jacobian[index].numpy() @ np.linalg.inv(a.jacobian[index].numpy())
        moved.append(b.value[index].numpy() + jacobian @ (target - a.value[index].numpy()))
    near, far = moved
    share = (expected - far) @ (near - far) / ((near - far) @ (near - far))
    assert 0.2 < share < 0.8
    np.testing.assert_allclose(share * near + (1 - share) * far, expected, atol=1e-3)


def test_nine_tenths_of_the_visible_points_lie_between_crown_and_nose() -> None:
    shares = []
    for seed in range(12):
        identity, pose = draw_identity(seed), draw_pose(np.random.default_rng(seed), 1.0)
        record = surface_map(identity, pose, 64)
        depth = record.point[2][record.body == 1]
        nearest = float(surface_depth(identity, pose, face_points(identity, pose)).max())
        shares.append(float(((depth > anatomy.CROWN[2]) & (depth < nearest)).float().mean()))
    assert np.mean(shares) > 0.9


def test_the_crown_is_the_top_of_the_skull() -> None:
    identity = draw_identity(3, "human")
    x, y, z = anatomy.CROWN
    for height, inside in ((y + 0.02, True), (y - 0.08, False)):
        points = np.array([[x, height]])
        near = surface_depth(identity, Pose(), points)[0]
        assert (near > z - 0.05) == inside


def test_the_plane_of_the_neck_turns_with_the_torso() -> None:
    pose = Pose(yaw=0.5, roll=0.4, scale=1.2)
    found = landmarks(draw_identity(3), pose).jacobian
    turned = torso_view(pose).rotation[:2, :2] * 1.2
    np.testing.assert_allclose(found[INDEX["neck_base"]].numpy(), turned, atol=1e-6)
    assert float((found[INDEX["neck_base"]] - found[INDEX["crown"]]).abs().max()) > 0.1


def test_values_are_finite_for_any_pose() -> None:
    rng = np.random.default_rng(1)
    for seed in range(30):
        found = landmarks(draw_identity(seed), draw_pose(rng, 2.0))
        assert bool(found.value.isfinite().all())
        assert bool(found.jacobian.isfinite().all())


@pytest.mark.parametrize("size", [64, 256])
def test_boxes_contain_their_landmarks_and_ignore_openness(size: int) -> None:
    rng = np.random.default_rng(2)
    for seed in range(10):
        identity, pose = draw_identity(seed), draw_pose(rng, 0.8)
        boxes = feature_boxes(identity, pose, size)
        pixels = (landmarks(identity, pose).value.numpy() + 1) * 0.5 * (size - 1)
        for box_name, names in {
            "eye_left": ["upper_lid_left"],
            "eye_right": ["upper_lid_right"],
            "mouth": ["mouth_left", "mouth_right", "lower_lip"],
        }.items():
            x0, y0, x1, y1 = boxes[box_name]
            assert 0 <= x0 < x1 <= size
            assert 0 <= y0 < y1 <= size
            for name in names:
                x, y = pixels[INDEX[name]]
                assert x0 - 1 <= x <= x1
                assert y0 - 1 <= y <= y1
        shut = Pose(**{**vars(pose), "mouth_open": 0.0, "blink_left": 1.0})
        assert feature_boxes(identity, shut, size) == boxes
