"""Random maps of the picture: inverse, slope, landmarks and flow agree with each other and with the pixels."""

from __future__ import annotations

import torch

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.looks import Geometry

COUNT = 3


def _drawn(strength: float = 1.0) -> Geometry:
    generator = torch.Generator().manual_seed(4)
    return Geometry.draw(torch.zeros(COUNT, 2), torch.full((COUNT,), strength), generator)


def _points() -> torch.Tensor:
    return torch.rand(COUNT, 10, 2, generator=torch.Generator().manual_seed(1)) * 1.6 - 0.8


def test_strength_zero_changes_nothing() -> None:
    still = _drawn(0.0)
    torch.testing.assert_close(still.source_of(_points()), _points())


def test_the_inverse_undoes_the_map() -> None:
    drawn = _drawn()
    torch.testing.assert_close(drawn.source_of(drawn.place_of(_points())), _points(), atol=1e-4, rtol=0)


def test_the_slope_is_the_derivative() -> None:
    drawn, step = _drawn(), 1e-2
    for axis in range(2):
        offset = torch.zeros(2)
        offset[axis] = step
        numeric = (drawn.source_of(_points() + offset) - drawn.source_of(_points() - offset)) / (2 * step)
        torch.testing.assert_close(drawn.slope(_points())[..., axis], numeric, atol=1e-3, rtol=0)


def test_landmarks_follow_the_pixels() -> None:
    size = 96
    value = torch.tensor([[[0.2, -0.1]], [[-0.3, 0.25]], [[0.0, 0.3]]])
    grid = coordinate_grid(size, size)
    spots = torch.exp(-((grid[None] - value[:, :, None]).square().sum(-1)) / 0.008)[:, None]
    drawn = _drawn()
    moved = drawn.frames(spots)
    placed, _ = drawn.landmarks(value, torch.eye(2).expand(COUNT, 1, 2, 2))
    inside = (placed.abs() < 0.95).all(-1)[:, 0]
    assert inside.sum() >= 2
    there = torch.nn.functional.grid_sample(moved, placed[:, None], align_corners=True)[:, 0, 0, 0]
    assert (there[inside] > 0.9).all()


def test_jacobians_follow_the_landmarks() -> None:
    drawn, step = _drawn(), 1e-2
    value = torch.zeros(COUNT, 1, 2)
    eye = torch.eye(2).expand(COUNT, 1, 2, 2)
    _, jacobian = drawn.landmarks(value, eye)
    for axis in range(2):
        ahead, behind = (drawn.landmarks(value + s * step * torch.eye(2)[axis], eye)[0] for s in (1, -1))
        torch.testing.assert_close(jacobian[..., axis], (ahead - behind) / (2 * step), atol=2e-3, rtol=0)


def test_steps_between_changed_frames_agree_with_the_points() -> None:
    drawn, side = _drawn(), 128
    grid = coordinate_grid(side, side)
    steps = (-0.1 * grid + 0.05).expand(COUNT, 1, -1, -1, -1)  # a point p of one frame is at 0.9 p + 0.05 of another
    changed, origin = drawn.steps(steps)
    some = slice(side // 4, side * 3 // 4, 8)
    points = grid[some, some].reshape(1, -1, 2).expand(COUNT, -1, -1)
    expected = drawn.place_of(0.9 * drawn.source_of(points) + 0.05) - points
    torch.testing.assert_close(changed[:, 0, some, some].reshape(COUNT, -1, 2), expected, atol=5e-3, rtol=0)
    torch.testing.assert_close(origin[:, some, some].reshape(COUNT, -1, 2), drawn.source_of(points))
