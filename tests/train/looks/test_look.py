"""Changed looks: the same for both frames of a pair, textures that move with the body, plain ones untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fomm_train.faces import BACKGROUND, Pose, draw_identity, landmarks, render_picture, surface_map
from fomm_train.looks import Frames, Looks, change_looks

SIZE = 64
STILL = {"geometry": 0.0, "camera": 0.0, "occluder": 0.0}


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Two faces in two poses each."""
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
    return Frames(pictures, torch.stack(bodies), torch.stack(values), torch.stack(jacobians))


PAIRS = torch.tensor([0, 0, 1, 1])


def test_plain_looks_leave_frames_as_they_are(frames: Frames) -> None:
    changed, _ = change_looks(frames, PAIRS, Looks(plain=1.0), 1)
    torch.testing.assert_close(changed.pictures, frames.pictures)
    torch.testing.assert_close(changed.landmarks, frames.landmarks, atol=1e-5, rtol=0)
    torch.testing.assert_close(changed.jacobians, frames.jacobians, atol=1e-5, rtol=0)
    assert torch.equal(changed.bodies, frames.bodies)


def test_equal_seeds_give_equal_looks(frames: Frames) -> None:
    first, again, other = (change_looks(frames, PAIRS, Looks(plain=0.0), seed)[0].pictures for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first - frames.pictures).abs().mean() > 0.05
    assert first.min() >= 0
    assert first.max() <= 1


def test_frames_of_one_look_get_the_same_background_and_geometry(frames: Frames) -> None:
    looks = Looks(plain=0.0, background=1.0, geometry=1.0, camera=0.0, occluder=0.0)
    _, geometry = change_looks(frames, PAIRS, looks, 4)
    assert torch.equal(geometry.affine[0], geometry.affine[1])
    assert not torch.equal(geometry.affine[0], geometry.affine[2])
    still, _ = change_looks(frames, PAIRS, Looks(plain=0.0, background=1.0, **STILL), 4)
    both = (frames.bodies[0] == BACKGROUND) & (frames.bodies[1] == BACKGROUND)
    inner = torch.nn.functional.avg_pool2d(both[None, None].float(), 5, 1, 2)[0, 0] == 1
    torch.testing.assert_close(still.pictures[0][:, inner], still.pictures[1][:, inner])


def test_textures_move_with_the_head() -> None:
    """Of a face that only shifts, the painted picture shifts alike."""
    identity, shift = draw_identity(3, "human"), 8
    poses = Pose(), Pose(x=2 * shift / (SIZE - 1))
    pictures = torch.from_numpy(np.stack([render_picture(identity, pose, SIZE) for pose in poses]))
    value, jacobian = zip(*(landmarks(identity, pose) for pose in poses), strict=True)
    bodies = torch.stack([surface_map(identity, pose, SIZE).body for pose in poses])
    given = Frames(pictures.permute(0, 3, 1, 2).float() / 255, bodies, torch.stack(value), torch.stack(jacobian))
    changed, _ = change_looks(given, torch.zeros(2, dtype=torch.int64), Looks(plain=0.0, **STILL), 6)
    difference = changed.pictures / given.pictures.clamp_min(0.1)
    face = slice(28, 40)
    torch.testing.assert_close(
        difference[0, :, face, 24:40], difference[1, :, face, 24 + shift : 40 + shift], atol=0.12, rtol=0.12
    )


def test_an_occluder_hides_bodies(frames: Frames) -> None:
    looks = Looks(plain=0.0, occluder=1.0, geometry=0.0, camera=0.0)
    hidden = [change_looks(frames, PAIRS, looks, seed)[0].bodies for seed in range(4)]
    counts = [int((bodies != frames.bodies).sum()) for bodies in hidden]
    assert max(counts) > 100
    for bodies in hidden:
        assert (bodies[bodies != frames.bodies] == BACKGROUND).all()
