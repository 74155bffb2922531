"""The One-Euro filter on keypoints."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fomm_rt.errors import MotionError
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.smoothing import KeypointFilter

RATE = 30


def noisy(frames: int, speed: float, noise: float = 0.01) -> list[Keypoints]:
    """Keypoints that move along x at a speed in grid units a second."""
    rng = np.random.default_rng(0)
    result = []
    for index in range(frames):
        value = rng.normal(0, noise, (10, 2)) + np.array([speed * index / RATE - 0.5, 0.2])
        jacobian = np.eye(2) + rng.normal(0, 10 * noise, (10, 2, 2))
        result.append(Keypoints(value.astype(np.float32), jacobian.astype(np.float32)))
    return result


def smoothed(keypoints: list[Keypoints], strength: float) -> list[Keypoints]:
    smooth = KeypointFilter(strength)
    return [smooth(kp, Fraction(index, RATE)) for index, kp in enumerate(keypoints)]


def jitter(keypoints: list[Keypoints]) -> float:
    return float(np.abs(np.diff([kp.value for kp in keypoints], axis=0)).mean())


def test_strength_0_changes_nothing() -> None:
    keypoints = noisy(5, 0)
    assert all(a is b for a, b in zip(smoothed(keypoints, 0), keypoints, strict=True))


def test_more_strength_leaves_less_jitter() -> None:
    keypoints = noisy(120, 0)
    left = [jitter(smoothed(keypoints, strength)) for strength in (0, 0.3, 0.6, 1)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.35 * left[0]


def test_jacobians_are_smoothed_too() -> None:
    keypoints = noisy(120, 0)
    results = smoothed(keypoints, 1)

    def spread(series: list[Keypoints]) -> float:
        return float(np.std([kp.jacobian for kp in series[20:] if kp.jacobian is not None], axis=0).mean())

    assert spread(results) < 0.5 * spread(keypoints)
    assert all(kp.jacobian is not None and kp.jacobian.dtype == np.float32 for kp in results)


def test_fast_motion_lags_little() -> None:
    keypoints = noisy(60, speed=1.0, noise=0)
    lag = keypoints[-1].value[0, 0] - smoothed(keypoints, 0.5)[-1].value[0, 0]
    assert 0 <= lag < 1.0 / RATE  # less than a frame's way


def test_depends_on_time_not_on_the_number_of_frames() -> None:
    smooth = KeypointFilter(1.0)
    start, end = noisy(1, 0, noise=0)[0], Keypoints(np.full((10, 2), 0.1, np.float32), None)
    start = Keypoints(start.value)
    smooth(start, 0.0)
    after_a_pause = smooth(end, 100.0)
    assert_allclose(after_a_pause.value, end.value, atol=5e-3)


def test_starts_over_when_time_goes_back_or_after_a_reset() -> None:
    smooth = KeypointFilter(1.0)
    first, second = noisy(2, 30)
    smooth(first, 1.0)
    assert_array_equal(smooth(second, 0.5).value, second.value)
    smooth.reset()
    assert_array_equal(smooth(first, 2.0).value, first.value)


def test_inputs_are_not_changed_nor_shared() -> None:
    smooth, keypoints = KeypointFilter(0.5), noisy(3, 1)
    copies = [kp.copy() for kp in keypoints]
    results = [smooth(kp, index / RATE) for index, kp in enumerate(keypoints)]
    for kp, copy in zip(keypoints, copies, strict=True):
        assert_array_equal(kp.value, copy.value)
    results[1].value[:] = 0
    assert smooth(keypoints[2], 3 / RATE).value.any()


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_rejects_other_strengths(strength: float) -> None:
    with pytest.raises(MotionError, match="from 0 to 1"):
        KeypointFilter(strength)
