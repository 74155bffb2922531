"""Changed looks: the same for both frames of a pair, textures that move with the body, plain ones untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fomm_train.faces import BACKGROUND, Pose, draw_identity, landmarks, render_picture, surface_map
from fomm_train.looks import Frames, change_looks
from fomm_train.recipe import Looks

SIZE = 64
STILL = {"geometry": 0.0, "camera": 0.0, "occluder": 0.0}


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Two faces in two poses each, of which the second lies further right."""
    drawn, bodies, values, jacobians = [], [], [], []
    for seed in (3, 5):
        identity = draw_identity(seed, "human")
        for pose in (Pose(), Pose(yaw=0.2, x=0.1)):
            drawn.append(render_picture(identity, pose, SIZE))
            bodies.append(surface_map(identity, pose, SIZE).body)
            value, jacobian = landmarks(identity, pose)
            values.append(value)
            jacobians.append(jacobian)
    pictures = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255
    return _frames(pictures, bodies, values, jacobians)


def _frames(pictures: Tensor, bodies: list[Tensor], values: list[Tensor], jacobians: list[Tensor]) -> Frames:
    """Frames whose motion is unknown, which counts as none."""
    count = len(bodies)
    return Frames(
        pictures,
        torch.stack(values),
        torch.stack(jacobians),
        torch.tensor([0.4, 0.3, 0.6, 0.5]).expand(count, 1, 4),
        torch.stack(bodies),
        torch.ones(count, SIZE, SIZE, dtype=torch.bool),
        torch.zeros(count, 1, SIZE, SIZE, 2),
        torch.ones(count, 1, SIZE, SIZE, dtype=torch.bool),
    )


PAIRS = torch.tensor([0, 0, 1, 1])


def test_plain_looks_leave_frames_as_they_are(frames: Frames) -> None:
    changed = change_looks(frames, PAIRS, PAIRS, Looks(plain=1.0), 1).frames
    torch.testing.assert_close(changed.steps, frames.steps, atol=1e-5, rtol=0)
    torch.testing.assert_close(changed.boxes, frames.boxes, atol=1e-5, rtol=0)
    assert torch.equal(changed.shown, frames.shown)
    torch.testing.assert_close(changed.pictures, frames.pictures)
    torch.testing.assert_close(changed.landmarks, frames.landmarks, atol=1e-5, rtol=0)
    torch.testing.assert_close(changed.jacobians, frames.jacobians, atol=1e-5, rtol=0)
    assert torch.equal(changed.bodies, frames.bodies)


def test_equal_seeds_give_equal_looks(frames: Frames) -> None:
    first, again, other = (change_looks(frames, PAIRS, PAIRS, Looks(plain=0.0), seed).filmed for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first - frames.pictures).abs().mean() > 0.05
    assert first.min() >= 0
    assert first.max() <= 1


def test_frames_of_one_look_get_the_same_background_and_geometry(frames: Frames) -> None:
    looks = Looks(plain=0.0, background=1.0, geometry=1.0, camera=0.0, occluder=0.0)
    geometry = change_looks(frames, PAIRS, PAIRS, looks, 4).geometry
    assert torch.equal(geometry.affine[0], geometry.affine[1])
    assert not torch.equal(geometry.affine[0], geometry.affine[2])
    still = change_looks(frames, PAIRS, PAIRS, Looks(plain=0.0, background=1.0, **STILL), 4).frames
    both = (frames.bodies[0] == BACKGROUND) & (frames.bodies[1] == BACKGROUND)
    inner = torch.nn.functional.avg_pool2d(both[None, None].float(), 5, 1, 2)[0, 0] == 1
    torch.testing.assert_close(still.pictures[0][:, inner], still.pictures[1][:, inner])


def test_textures_move_with_the_head() -> None:
    """Of a face that only shifts, the painted picture shifts alike."""
    identity, shift = draw_identity(3, "human"), 8
    poses = Pose(), Pose(x=2 * shift / (SIZE - 1))
    pictures = torch.from_numpy(np.stack([render_picture(identity, pose, SIZE) for pose in poses]))
    value, jacobian = zip(*(landmarks(identity, pose) for pose in poses), strict=True)
    bodies = [surface_map(identity, pose, SIZE).body for pose in poses]
    given = _frames(pictures.permute(0, 3, 1, 2).float() / 255, bodies, list(value), list(jacobian))
    one = torch.zeros(2, dtype=torch.int64)
    changed = change_looks(given, one, one, Looks(plain=0.0, **STILL), 6).frames
    difference = changed.pictures / given.pictures.clamp_min(0.1)
    face = slice(28, 40)
    torch.testing.assert_close(
        difference[0, :, face, 24:40], difference[1, :, face, 24 + shift : 40 + shift], atol=0.12, rtol=0.12
    )


def test_an_occluder_hides_bodies(frames: Frames) -> None:
    looks = Looks(plain=0.0, occluder=1.0, geometry=0.0, camera=0.0)
    hidden = [change_looks(frames, PAIRS, PAIRS, looks, seed).frames.bodies for seed in range(4)]
    counts = [int((bodies != frames.bodies).sum()) for bodies in hidden]
    assert max(counts) > 100
    for bodies in hidden:
        assert (bodies[bodies != frames.bodies] == BACKGROUND).all()


def test_an_occluder_stands_still_and_hides_what_moves_behind_it(frames: Frames) -> None:
    right = torch.zeros_like(frames.steps)
    right[..., 0] = 0.3
    looks = Looks(plain=0.0, occluder=1.0, geometry=0.0, camera=0.0)
    changed = change_looks(frames._replace(steps=right), PAIRS, PAIRS, looks, 2).frames
    hidden = (changed.steps[:, 0] == 0).all(dim=-1)
    assert 0.01 < hidden.float().mean() < 0.6
    assert changed.shown[:, 0][hidden].all()
    ends_in_it = hidden.roll(-round(0.3 * (SIZE - 1) / 2), dims=2)
    ends_in_it[:, :, -12:] = False
    lost = ends_in_it & ~hidden
    assert not changed.shown[:, 0][lost].float().mean() > 0.15  # but for the rim


def test_pictures_shrink_between_framing_and_painting(frames: Frames) -> None:
    shrunk = change_looks(frames, PAIRS, PAIRS, Looks(plain=0.0), 2, lambda pictures: pictures[..., ::2, ::2])
    assert shrunk.frames.pictures.shape == (4, 3, SIZE // 2, SIZE // 2)
    assert shrunk.filmed.shape == shrunk.frames.pictures.shape
