"""Jitter and lag of tracks whose jitter and lag are known."""

from __future__ import annotations

import numpy as np
import pytest
from keypoint_smoothing import STRENGTHS, filtered, lag_frames, measure, movement_px, noisy
from numpy.testing import assert_array_equal

from fomm_rt.motion.keypoints import Keypoints

SIZE, FRAME_RATE, FRAMES = 256, 25.0, 150


def swaying(late_frames: float = 0, noise: float = 0) -> list[Keypoints]:
    """Keypoints of a head that sways at 0.4 Hz, later than another by some frames."""
    rng = np.random.default_rng(1)
    rest = np.linspace(-0.5, 0.5, 20).reshape(10, 2)
    track = []
    for index in range(FRAMES):
        phase = 2 * np.pi * 0.4 * (index - late_frames) / FRAME_RATE
        value = rest + 0.15 * np.array([np.sin(phase), np.cos(0.7 * phase)]) + rng.normal(0, noise, rest.shape)
        track.append(Keypoints(value.astype(np.float32)))
    return track


def resting(noise: float) -> list[Keypoints]:
    rng = np.random.default_rng(2)
    return [Keypoints(rng.normal(0, noise, (10, 2)).astype(np.float32)) for _ in range(FRAMES)]


@pytest.mark.parametrize("late_frames", [0, 0.5, 1.7, 4])
def test_lag_of_a_late_track(late_frames: float) -> None:
    assert lag_frames(swaying(late_frames), swaying()) == pytest.approx(late_frames, abs=0.05)
    assert lag_frames(swaying(late_frames, noise=0.002), swaying()) == pytest.approx(late_frames, abs=0.1)


def test_movement_is_in_pixels() -> None:
    steps = [Keypoints(np.full((4, 2), 0.01 * index, np.float32)) for index in range(40)]
    assert movement_px(steps, SIZE) == pytest.approx(0.01 * np.sqrt(2) * 127.5, rel=1e-4)
    assert movement_px([steps[0]] * 40, SIZE) == 0


def test_measures_every_strength() -> None:
    rows = measure([resting(0.002), resting(0.001)], swaying(noise=0.001), swaying(), FRAME_RATE, SIZE)
    assert [row["strength"] for row in rows] == list(STRENGTHS)
    assert rows[0]["jitter_share"] == 1
    assert rows[0]["lag_frames"] == pytest.approx(0, abs=0.1)
    for name, falls in (("jitter_px", True), ("jitter_share", True), ("lag_ms", False)):
        values = [row[name] for row in rows]
        assert values == sorted(values, reverse=falls)
    for row in rows:
        assert row["lag_ms"] == pytest.approx(1000 / FRAME_RATE * row["lag_frames"])


def test_the_default_strength_halves_jitter_and_lags_little() -> None:
    """What `fomm-rt animate --smooth` promises, on a head that moves as in the performance."""
    row = next(
        row
        for row in measure([resting(0.0005)], swaying(noise=0.0005), swaying(), FRAME_RATE, SIZE)
        if row["strength"] == 0.5
    )
    assert row["jitter_share"] < 0.5
    assert 0 < row["lag_ms"] < 40


def test_strength_0_filters_nothing() -> None:
    track = swaying()
    assert all(a is b for a, b in zip(filtered(track, 0, FRAME_RATE), track, strict=True))


def test_noise_has_the_given_deviation_and_is_repeatable() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    first, again = (list(noisy([flat] * 3, 5)) for _ in range(2))
    assert_array_equal(first, again)
    assert np.std(first) == pytest.approx(5, rel=0.05)
    assert (first[0] != first[1]).any()
