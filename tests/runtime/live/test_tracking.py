"""Poses in squares that move."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_rt.framing import Region
from fomm_rt.live.tracking import BestPose, Pose, PoseFilter
from fomm_rt.motion.keypoints import Keypoints

SIZE = 64


def square(x: int, y: int, side: int) -> Region:
    return Region(x, y, side, side, 0, 0, side)


def keypoints(seed: int) -> Keypoints:
    random = np.random.default_rng(seed)
    return Keypoints(
        random.uniform(-0.7, 0.7, (5, 2)).astype(np.float32), random.normal(size=(5, 2, 2)).astype(np.float32)
    )


def test_a_pose_goes_to_another_square_and_back() -> None:
    here, there = square(10, 20, 200), square(50, 5, 150)
    pose = Pose(keypoints(0), here)
    back = Pose(pose.in_square(there, SIZE), there).in_square(here, SIZE)
    assert np.allclose(back.value, pose.keypoints.value, atol=1e-5)
    assert pose.in_square(here, SIZE) is pose.keypoints


def test_the_best_pose_is_the_one_most_like_the_source() -> None:
    source, best = keypoints(0), BestPose()
    near = Keypoints(source.value * 0.8 + np.float32(0.1), source.jacobian)  # smaller and elsewhere, but the same pose
    for pose in (keypoints(1), near, keypoints(2)):
        best.add(Pose(pose, square(0, 0, 10)), source)
    assert best.pose is not None
    assert best.pose.keypoints is near
    best.reset()
    assert best.pose is None


def test_smoothing_does_not_see_the_square_move() -> None:
    resting = Pose(keypoints(0), square(100, 100, 200))
    smoothed = PoseFilter(SIZE)
    for frame in range(20):
        here = square(100 + 4 * frame, 100 - frame, 200 + 2 * frame)
        smooth = smoothed.at(here, frame / 30, 0.7)
        assert smooth is not None
        seen = resting.in_square(here, SIZE)
        assert np.allclose(smooth(seen).value, seen.value, atol=1e-4)


def test_smoothing_takes_out_jitter() -> None:
    random, smoothed, here = np.random.default_rng(0), PoseFilter(SIZE), square(0, 0, 100)
    resting = keypoints(0)
    left = []
    for frame in range(60):
        smooth = smoothed.at(here, frame / 30, 0.7)
        assert smooth is not None
        noisy = Keypoints(resting.value + random.normal(0, 0.01, (5, 2)).astype(np.float32), resting.jacobian)
        left.append(np.abs(smooth(noisy).value - resting.value).mean())
    assert np.mean(left[20:]) < 0.5 * 0.01


def test_no_smoothing_is_no_step_at_all() -> None:
    smoothed = PoseFilter(SIZE)
    assert smoothed.at(square(0, 0, 10), 0.0, 0.0) is None
    assert smoothed.at(square(0, 0, 10), 0.1, 0.5) is not None
    assert smoothed.at(square(0, 0, 10), 0.2, 0.0) is None


def test_a_new_strength_starts_over() -> None:
    smoothed, here = PoseFilter(SIZE), square(0, 0, 10)
    first = smoothed.at(here, 0.0, 0.5)
    assert first is not None
    first(keypoints(0))
    second = smoothed.at(here, 0.1, 0.7)
    assert second is not None
    assert second(keypoints(1)).value == pytest.approx(keypoints(1).value)
