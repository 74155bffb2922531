"""Performances begin at rest, move smoothly, blink and speak; poses stay in their ranges."""

import numpy as np
import pytest

from fomm_train.faces import Pose, draw_performance, draw_pose
from fomm_train.faces.pose import RANGES


def track(poses: list[Pose], name: str) -> np.ndarray:
    return np.array([getattr(pose, name) for pose in poses])


def test_equal_arguments_give_equal_performances() -> None:
    assert draw_performance(3, 50) == draw_performance(3, 50)
    assert draw_performance(3, 50) != draw_performance(4, 50)
    assert draw_performance(3, 0) == []


@pytest.mark.parametrize("seed", range(6))
def test_a_performance_starts_neutral_moves_smoothly_blinks_and_speaks(seed: int) -> None:
    poses = draw_performance(seed, 250)
    assert len(poses) == 250
    assert poses[0] == Pose()
    for name, most in {"yaw": 0.06, "pitch": 0.04, "roll": 0.04, "x": 0.01, "y": 0.01, "scale": 0.01}.items():
        assert np.abs(np.diff(track(poses, name))).max() < most, name
    assert np.abs(np.diff(track(poses, "mouth_open"))).max() < 0.5
    blink, mouth = track(poses, "blink_left"), track(poses, "mouth_open")
    starts = int(np.sum((blink[1:] > 0.5) & (blink[:-1] <= 0.5)))
    assert 2 <= starts <= 6
    assert blink.max() > 0.9
    assert mouth.max() > 0.4
    assert np.mean(mouth < 0.05) > 0.08
    assert np.ptp(track(poses, "yaw")) > 0.1
    for name, (low, high) in RANGES.items():
        values = track(poses, name)
        assert low <= values.min() <= values.max() <= high, name


def test_frame_rate_samples_the_same_motion() -> None:
    slow, fast = draw_performance(2, 50, 25.0), draw_performance(2, 100, 50.0)
    assert slow[20].yaw == pytest.approx(fast[40].yaw, abs=1e-9)


def test_drawn_poses_fill_their_ranges() -> None:
    rng = np.random.default_rng(0)
    poses = [draw_pose(rng) for _ in range(800)]
    assert 0.5 < np.abs(track(poses, "yaw")).max() <= 0.55
    assert 0.85 <= track(poses, "scale").min() < track(poses, "scale").max() <= 1.15
    assert 0.4 < np.mean(track(poses, "mouth_open") <= 0.15) < 0.7
    assert 0.25 < np.mean(track(poses, "blink_left") > 0) < 0.5


def test_a_moved_pose_adds_the_change_and_is_clipped() -> None:
    first, now = Pose(yaw=0.1, scale=0.8, mouth_open=0.1), Pose(yaw=0.3, scale=1.0, mouth_open=0.9)
    moved = Pose(yaw=-0.1, mouth_open=0.5, scale=1.1).moved(first, now)
    assert moved.yaw == pytest.approx(0.1)
    assert moved.scale == pytest.approx(1.375)
    assert moved.mouth_open == 1.0
    start = Pose(smile=0.2)
    assert start.moved(first, first) == start
