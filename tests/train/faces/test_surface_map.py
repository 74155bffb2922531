"""Surface maps locate the same point of a head or torso in any pose."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from fomm_train.faces import BACKGROUND, HEAD, TORSO, Pose, draw_identity, head_view, render, surface_map, torso_view

SIZE = 96
TURNED = Pose(yaw=0.25, pitch=0.1, roll=0.15, x=0.1, scale=1.1)


def test_shows_the_head_above_the_torso_before_the_background() -> None:
    body = surface_map(draw_identity(5, "human"), Pose(), SIZE).body
    assert body[SIZE // 2, SIZE // 2] == HEAD
    assert body[-2, SIZE // 2] == TORSO
    assert body[1, 1] == BACKGROUND
    assert all(int((body == part).sum()) > 0.05 * SIZE**2 for part in (BACKGROUND, HEAD, TORSO))


def test_points_project_to_their_pixels() -> None:
    identity = draw_identity(5, "human")
    record = surface_map(identity, TURNED, SIZE)
    line = torch.linspace(-1, 1, SIZE)
    grid = torch.stack([line.expand(SIZE, SIZE), line[:, None].expand(SIZE, SIZE)])
    for part, view in ((HEAD, head_view(TURNED)), (TORSO, torso_view(TURNED))):
        seen = record.body == part
        places = view.project(record.point[:, seen].T.double().numpy())
        np.testing.assert_allclose(places, grid[:, seen].T.numpy(), atol=1e-5)
        affine = view.affine()
        np.testing.assert_allclose(places, record.point[:, seen].T.numpy() @ affine[:, :3].T + affine[:, 3], atol=1e-5)


def test_its_motion_maps_one_picture_to_another() -> None:
    identity = draw_identity(11, "human")
    before, after = Pose(), TURNED
    record = surface_map(identity, after, SIZE)
    solid = torch.cat([record.point, torch.ones(1, SIZE, SIZE)])
    flow = torch.einsum("ij,jhw->hwi", torch.from_numpy(head_view(before).affine()).float(), solid)
    source, truth = render(identity, before, SIZE), render(identity, after, SIZE)
    moved = F.grid_sample(source[None], flow[None], align_corners=True)[0]
    seen = record.body == HEAD
    error = (moved - truth).abs().mean(0)[seen].mean()
    unmoved = (source - truth).abs().mean(0)[seen].mean()
    assert error < 0.6 * unmoved  # light does not move with the head
