"""Groups of rendered people: all do the same, and the motion leads from pose to pose."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_train.data.frame_group import IDENTITIES, POSES, SURFACE_SIZE, FrameGroup
from fomm_train.data.people_groups import render_group
from fomm_train.faces import HEAD, LANDMARKS
from fomm_train.people import Studio

SIZE = 96
STEADY = [LANDMARKS.index(name) for name in ("brow_left", "brow_right", "nose_tip")]
"""Landmarks that nothing but the nose hides; lids and lips hide each other's edges."""


@pytest.fixture(scope="module")
def group(camera: Studio) -> FrameGroup:  # noqa: ARG001 (for its skip)
    return render_group(5, SIZE)


def test_a_group_has_all_fields(group: FrameGroup) -> None:
    assert group.frames.shape == (IDENTITIES, POSES, SIZE, SIZE, 3)
    assert group.steps.shape == (IDENTITIES, POSES, POSES, SURFACE_SIZE, SURFACE_SIZE, 2)
    assert group.known.all()
    assert (group.bodies == HEAD).mean(axis=(2, 3)).min() > 0.08
    assert (group.boxes >= 0).all()
    assert (group.boxes[..., :2] < group.boxes[..., 2:]).all()
    pictures = group.frames.astype(int)
    assert np.abs(pictures[0] - pictures[1]).mean() > 10
    assert np.abs(pictures[:, 0] - pictures[:, 1]).mean() > 3


def test_all_people_of_a_group_turn_alike(group: FrameGroup) -> None:
    turns = group.jacobians[:, :, LANDMARKS.index("nose_tip")]
    assert np.abs(turns - turns.mean(axis=0)).max() < 0.2  # their cameras stand at different distances
    assert np.abs(turns[:, 0] - turns[:, 1]).max() > 0.1


def test_steps_lead_from_landmarks_to_landmarks(group: FrameGroup) -> None:
    errors = []
    for here in range(POSES):
        for there in range(POSES):
            for identity in range(IDENTITIES):
                places = group.landmarks[identity, here, STEADY]
                x, y = np.rint((places.clip(-1, 1) + 1) * 0.5 * (SURFACE_SIZE - 1)).astype(int).T
                seen = group.shown[identity, here, there, y, x]
                steps = group.steps[identity, here, there, y, x]
                expected = group.landmarks[identity, there, STEADY] - places
                errors += np.linalg.norm(steps - expected, axis=-1)[seen].tolist()
    assert len(errors) > 100
    assert np.mean(errors) < 0.012  # a cell of the grid is 0.03
    assert np.quantile(errors, 0.95) < 0.04


def test_a_pose_shows_itself_where_it_is(group: FrameGroup) -> None:
    for pose in range(POSES):
        assert np.abs(group.steps[:, pose, pose]).max() < 1e-3
        assert group.shown[:, pose, pose].mean() > 0.99


def test_equal_seeds_give_equal_groups(group: FrameGroup) -> None:
    again = render_group(5, SIZE)
    np.testing.assert_array_equal(again.frames, group.frames)
    np.testing.assert_array_equal(again.steps, group.steps)
