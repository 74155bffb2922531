"""The motion of rigid bodies follows them and knows what the source shows; expression leaves parts unknown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.data.drawn_groups import region_boxes
from fomm_train.data.frame_group import SURFACE_SIZE
from fomm_train.faces import LANDMARKS, Pose, draw_identity, head_view, landmarks
from fomm_train.faces.anatomy import jaw_drop
from fomm_train.faces.rigid_motion import Surfaces, moved_by_expression, rigid_motion
from fomm_train.regions import inside_boxes

SIDE = 16
GRID = coordinate_grid(SIDE, SIDE)
STILL = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])
RIGHT = torch.tensor([[1.0, 0, 0, 0.25], [0, 1, 0, 0]])


def _surface(end: float, body: int, shift: float = 0.0) -> Surfaces:
    """A flat body left of `end`, whose right edge is its x = 0."""
    bodies = (body * (GRID[..., 0] < end)).to(torch.uint8)[None]
    points = torch.cat([(GRID - torch.tensor([end, 0.0]) + shift).permute(2, 0, 1), torch.ones(1, SIDE, SIDE)])[None]
    return Surfaces(bodies, points)


def _moved(body: int = 1, source_body: int | None = None, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    """The motion of a body that fills the left half of the truth and reached 0.25 further right in the source."""
    views = torch.stack([RIGHT, STILL] if body == 1 else [STILL, RIGHT])[None]
    source = _surface(0.25, body if source_body is None else source_body, shift)
    return rigid_motion(_surface(0.0, body), source, views)


@pytest.mark.parametrize("body", [1, 2])
def test_the_flow_follows_the_body_and_the_background_stays(body: int) -> None:
    flow, _ = _moved(body)
    expected = GRID[None].clone()
    expected[:, :, :8, 0] += 0.25
    torch.testing.assert_close(flow, expected)


def test_the_source_shows_points_that_nothing_hides() -> None:
    columns = torch.ones(SIDE, dtype=torch.bool)
    columns[8:10] = False  # background that the head hid
    assert torch.equal(_moved()[1], columns.expand(1, SIDE, SIDE))
    for _, shown in (_moved(source_body=2), _moved(shift=1.0)):
        assert not shown[:, :, :8].any()  # another body there, or another place of the same
        assert shown[:, :, 10:].all()


def test_the_source_does_not_show_points_outside_the_picture() -> None:
    whole = _surface(2.0, 1)
    away = torch.tensor([[1.0, 0, 0, 2.5], [0, 1, 0, 0]])  # a quarter of the picture further right
    _, shown = rigid_motion(whole, whole, torch.stack([away, STILL])[None])
    assert not shown[:, :, 12:].any()


def test_expression_moves_brows_and_chin() -> None:
    boxes = torch.tensor([[[2 / 16, 5 / 16, 6 / 16, 10 / 16], [8 / 16, 10 / 16, 12 / 16, 12 / 16]]])
    moved = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    moved[2:10, 2:6] = True  # three rows of brows above the eye
    moved[10:13, 8:12] = True  # a row of chin below the mouth
    assert torch.equal(inside_boxes(moved_by_expression(boxes), SIDE)[0, 0], moved)


@pytest.mark.parametrize("seed", range(6))
def test_brows_and_chin_of_a_head_lie_where_expression_moves_it(seed: int) -> None:
    identity, pose = draw_identity(seed, "human"), Pose(brow=1.0, mouth_open=1.0, roll=0.1)
    boxes = torch.from_numpy(region_boxes(identity, pose, SURFACE_SIZE))[None]
    area = inside_boxes(moved_by_expression(boxes), SURFACE_SIZE)[0, 0]
    found = landmarks(identity, pose).value
    chin, forehead = (0.0, 0.74 + jaw_drop(pose), 0.5), (0.0, -0.85, 0.4)
    on_head = torch.from_numpy(head_view(pose).project(np.array([chin, forehead]))).float()
    brows_and_lip = found[[LANDMARKS.index(name) for name in ("brow_left", "brow_right", "lower_lip")]]
    columns, rows = ((torch.cat([brows_and_lip, on_head]) + 1) / 2 * (SURFACE_SIZE - 1)).round().long().unbind(dim=1)
    *moved, still = area[rows, columns].tolist()
    assert all(moved)
    assert not still
