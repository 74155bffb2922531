"""Motion losses are zero for the renderer's motion and count only points that the source shows."""

from __future__ import annotations

import math

import pytest
import torch

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.losses.motion import TrueMotion, flow_loss, motion_weight, occlusion_loss

SIDE = 16
GRID = coordinate_grid(SIDE, SIDE)


def _moved() -> TrueMotion:
    """A head that fills the left half of the truth and reached 0.25 further right in the source."""
    flow = GRID[None].clone()
    flow[:, :, :8, 0] += 0.25
    shown = torch.ones(1, SIDE, SIDE, dtype=torch.bool)
    shown[:, :, 8:10] = False
    bodies = (GRID[..., 0] < 0).to(torch.uint8)[None]
    return TrueMotion(flow, shown, motion_weight(bodies, torch.ones_like(shown)))


def test_unknown_motion_has_no_weight_and_the_head_has_more() -> None:
    bodies = torch.tensor([[[0, 1, 2, 1]]], dtype=torch.uint8)
    known = torch.tensor([[[True, True, True, False]]])
    assert motion_weight(bodies, known).tolist() == [[[1.0, 3.0, 1.0, 0.0]]]


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
