"""Motion losses are zero for the renderer's motion and count only points that the source shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.data.drawn_groups import draw_frame
from fomm_train.data.frame_group import SURFACE_SIZE
from fomm_train.faces import LANDMARKS, Pose, draw_identity, head_view, landmarks
from fomm_train.faces.anatomy import jaw_drop
from fomm_train.losses.motion import TrueMotion, flow_loss, occlusion_loss, true_motion

SIDE = 16
GRID = coordinate_grid(SIDE, SIDE)
NOWHERE = torch.full((1, 2, 4), -1.0)
STILL = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])
RIGHT = torch.tensor([[1.0, 0, 0, 0.25], [0, 1, 0, 0]])


def _surface(end: float, body: int, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    """A flat body left of `end`, whose right edge is its x = 0; bodies and points."""
    bodies = (body * (GRID[..., 0] < end)).to(torch.uint8)[None]
    points = torch.cat([(GRID - torch.tensor([end, 0.0]) + shift).permute(2, 0, 1), torch.ones(1, SIDE, SIDE)])[None]
    return bodies, points


def _moved(body: int = 1, source_body: int | None = None, shift: float = 0.0) -> TrueMotion:
    """The motion of a body that fills the left half of the truth and reached 0.25 further right in the source."""
    views = torch.stack([RIGHT, STILL] if body == 1 else [STILL, RIGHT])[None]
    source = _surface(0.25, body if source_body is None else source_body, shift)
    return true_motion(*_surface(0.0, body), *source, views, NOWHERE)


@pytest.mark.parametrize("body", [1, 2])
def test_the_flow_follows_the_body_and_the_background_stays(body: int) -> None:
    true = _moved(body)
    expected = GRID[None].clone()
    expected[:, :, :8, 0] += 0.25
    torch.testing.assert_close(true.flow, expected)


def test_the_source_shows_points_that_nothing_hides() -> None:
    columns = torch.ones(SIDE, dtype=torch.bool)
    columns[8:10] = False  # background that the head hid
    assert torch.equal(_moved().shown, columns.expand(1, SIDE, SIDE))
    for other in (_moved(source_body=2), _moved(shift=1.0)):
        assert not other.shown[:, :, :8].any()  # another body there, or another place of the same
        assert other.shown[:, :, 10:].all()


def test_the_source_does_not_show_points_outside_the_picture() -> None:
    whole = _surface(2.0, 1)
    away = torch.tensor([[1.0, 0, 0, 2.5], [0, 1, 0, 0]])  # a quarter of the picture further right
    shown = true_motion(*whole, *whole, torch.stack([away, STILL])[None], NOWHERE).shown
    assert not shown[:, :, 12:].any()


def test_points_moved_by_expression_have_no_weight() -> None:
    whole = _surface(2.0, 1)
    boxes = torch.tensor([[[2 / 16, 5 / 16, 6 / 16, 10 / 16], [8 / 16, 10 / 16, 12 / 16, 12 / 16]]])
    weight = true_motion(*whole, *whole, torch.stack([RIGHT, STILL])[None], boxes).weight[0]
    nothing = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    nothing[2:10, 2:6] = True  # three rows of brows above the eye
    nothing[10:13, 8:12] = True  # a row of chin below the mouth
    assert torch.equal(weight == 0, nothing)


@pytest.mark.parametrize("seed", range(6))
def test_brows_and_chin_have_no_weight(seed: int) -> None:
    identity, pose = draw_identity(seed, "human"), Pose(brow=1.0, mouth_open=1.0, roll=0.1)
    frame = draw_frame(identity, pose, SURFACE_SIZE)
    bodies, points, views, boxes = (
        torch.from_numpy(frame[name])[None] for name in ("bodies", "points", "views", "boxes")
    )
    weight = true_motion(bodies, points.float(), bodies, points.float(), views, boxes).weight[0]
    found = landmarks(identity, pose).value
    chin, forehead = (0.0, 0.74 + jaw_drop(pose), 0.5), (0.0, -0.85, 0.4)
    on_head = torch.from_numpy(head_view(pose).project(np.array([chin, forehead]))).float()
    brows_and_lip = found[[LANDMARKS.index(name) for name in ("brow_left", "brow_right", "lower_lip")]]
    columns, rows = ((torch.cat([brows_and_lip, on_head]) + 1) / 2 * (SURFACE_SIZE - 1)).round().long().unbind(dim=1)
    *moved, still = weight[rows, columns].tolist()
    assert not any(moved)
    assert still > 1


def test_the_flow_loss_counts_shown_points() -> None:
    true = _moved()
    assert flow_loss(true.flow, true).item() == pytest.approx(0, abs=1e-6)
    # Of 14 columns that are shown 8 are the head's, which count threefold; one of two axes is wrong.
    assert flow_loss(GRID[None], true).item() == pytest.approx(0.25 / 2 * 24 / 30, abs=1e-6)
    wrong = true.flow.clone()
    wrong[:, :, 8:10] += 0.5
    assert flow_loss(wrong, true).item() == pytest.approx(0, abs=1e-6)
    wrong[:, 4:8, 2:6] += 0.5
    assert flow_loss(wrong, true).item() > 0
    weight = true.weight.clone()
    weight[:, 4:8, 2:6] = 0
    assert flow_loss(wrong, true._replace(weight=weight)).item() == pytest.approx(0, abs=1e-6)


def test_the_occlusion_loss_is_lowest_for_the_shown_points() -> None:
    true = _moved()
    right = true.shown[:, None].float()
    assert occlusion_loss(right, true).item() == pytest.approx(0, abs=1e-6)
    half = torch.full_like(right, 0.5)
    assert occlusion_loss(half, true).item() == pytest.approx(math.log(2), abs=1e-6)
    assert occlusion_loss(0.9 * right + 0.05, true).item() < 0.06


def test_a_completely_wrong_map_still_gets_a_gradient() -> None:
    true = _moved()
    logits = torch.where(true.shown[:, None], -20.0, 20.0).requires_grad_()
    occlusion_loss(torch.sigmoid(logits), true).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool((logits.grad[true.shown[:, None]] < 0).all())


def test_maps_may_have_any_size() -> None:
    still = _moved()._replace(flow=GRID[None])
    assert flow_loss(coordinate_grid(8, 8)[None], still).item() == pytest.approx(0, abs=1e-6)
    assert occlusion_loss(torch.full((1, 1, 8, 8), 0.5), still).item() == pytest.approx(math.log(2))
