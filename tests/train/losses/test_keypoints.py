"""Random transforms have exact derivatives; keypoints that follow them, or are the true ones, have no loss."""

from __future__ import annotations

import pytest
import torch

from fomm_export.networks.geometry import coordinate_grid
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_train.losses.keypoints import RandomTransform, equivariance_loss, landmark_loss


def _transform(frames: int = 2) -> RandomTransform:
    return RandomTransform.draw(frames, torch.Generator().manual_seed(3), torch.device("cpu"))


def test_jacobian_is_the_derivative() -> None:
    transform = _transform()
    points = torch.rand(2, 7, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    columns = []
    for axis in range(2):
        step = torch.zeros(2)
        step[axis] = 1e-2
        columns.append((transform.points(points + step) - transform.points(points - step)) / 2e-2)
    torch.testing.assert_close(transform.jacobian(points), torch.stack(columns, dim=-1), atol=2e-3, rtol=0)


def test_frames_move_content_from_the_transform_of_z_to_z() -> None:
    transform = _transform()
    # Each pixel's colour is its position.
    picture = coordinate_grid(65, 65).permute(2, 0, 1).expand(2, -1, -1, -1)
    moved = transform.frames(picture)
    inner = coordinate_grid(65, 65)[16:49, 16:49].reshape(1, -1, 2).expand(2, -1, -1)
    expected = transform.points(inner)
    found = moved[:, :, 16:49, 16:49].flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_only_keypoints_that_follow_have_no_loss() -> None:
    transform = _transform()
    moved = Keypoints(torch.rand(2, 5, 2) - 0.5, torch.eye(2) + 0.1 * torch.randn(2, 5, 2, 2))
    assert moved.jacobian is not None
    along = Keypoints(transform.points(moved.value), transform.jacobian(moved.value) @ moved.jacobian)
    value, jacobian = equivariance_loss(along, moved, transform)
    assert value.item() < 1e-6
    assert jacobian.item() < 1e-5
    value, jacobian = equivariance_loss(moved, moved, transform)
    assert value.item() > 1e-3
    assert jacobian.item() > 1e-3


def test_equal_generator_states_give_equal_transforms() -> None:
    assert torch.equal(_transform().weights, _transform().weights)


def test_landmark_loss_is_the_mean_difference() -> None:
    value, jacobian = torch.rand(2, 5, 2), torch.rand(2, 5, 2, 2)
    found = landmark_loss(Keypoints(value + 0.25, jacobian - 0.5), value, jacobian)
    assert [loss.item() for loss in found] == pytest.approx([0.25, 0.5], abs=1e-6)
    assert landmark_loss(Keypoints(value, None), value, jacobian)[1].item() == 0
