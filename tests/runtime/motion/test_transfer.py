"""Motion transfer compared with the authors' code, and cases where theirs is undefined."""

import numpy as np
import pytest

from fomm_rt.motion.keypoints import Keypoints, hull_area, pose_distance, scale_ratio
from fomm_rt.motion.transfer import ABSOLUTE, relative_transfer
from golden_files import MODES, SMALL, VOX, Golden, max_abs


@pytest.mark.parametrize("name", [*SMALL, *VOX])
@pytest.mark.parametrize("mode", MODES)
def test_golden(name: str, mode: str) -> None:
    golden = Golden(name)
    source, initial = golden.keypoints("kp_source"), golden.keypoints("kp_driving.0")
    transfer = ABSOLUTE if mode == "absolute" else relative_transfer(source, initial, mode == "relative_scaled")
    for i in range(3):
        result, expected = transfer(golden.keypoints(f"kp_driving.{i}")), golden.keypoints(f"kp_norm.{mode}.{i}")
        assert max_abs(result.value, expected.value) <= 1e-5
        assert (result.jacobian is None) == (expected.jacobian is None)
        if result.jacobian is not None and expected.jacobian is not None:
            np.testing.assert_allclose(result.jacobian, expected.jacobian, atol=1e-5, rtol=1e-5)
        assert result.value.dtype == np.float32


def test_the_reference_frame_reproduces_the_source() -> None:
    golden = Golden("small")
    source, initial = golden.keypoints("kp_source"), golden.keypoints("kp_driving.1")
    result = relative_transfer(source, initial, adapt_scale=True)(initial)
    assert source.jacobian is not None
    assert result.jacobian is not None
    np.testing.assert_allclose(result.value, source.value, atol=1e-6)
    np.testing.assert_allclose(result.jacobian, source.jacobian, atol=1e-5)


@pytest.mark.parametrize("determinant", [0.0, 1e-12, -1e-12])
def test_singular_reference_is_finite(determinant: float) -> None:
    golden = Golden("small")
    source = golden.keypoints("kp_source")
    flat = np.zeros((5, 2, 2), np.float32)
    flat[:, 0, 0], flat[:, 1, 1] = 1, determinant
    result = relative_transfer(source, Keypoints(source.value, flat), adapt_scale=True)(source)
    assert result.jacobian is not None
    assert np.isfinite(result.jacobian).all()


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.linspace(-1, 1, 10).reshape(5, 2)])
def test_degenerate_hulls_do_not_scale(points: np.ndarray) -> None:
    flat = Keypoints(points.astype(np.float32))
    round_ = Golden("small").keypoints("kp_source")
    assert scale_ratio(flat, round_) == scale_ratio(round_, flat) == 1


def test_hull_area() -> None:
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [0, 0]], np.float32)
    assert hull_area(square) == pytest.approx(4)


def test_pose_distance_ignores_place_and_size() -> None:
    a = Golden("small").keypoints("kp_source")
    moved = Keypoints(a.value * 0.5 + np.float32(0.2))
    bent = Keypoints(a.value + np.array([[0.3, 0], [0, 0], [0, 0.3], [0, 0], [0, 0]], np.float32))
    assert pose_distance(a, moved) == pytest.approx(0, abs=1e-9)
    assert pose_distance(a, bent) > 0.01
