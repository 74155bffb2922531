"""What the split path is told: sizes of a model, a prepared transfer as rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm_rt.backends.split_frame import FrameShape, keypoints_of, transfer_rows
from fomm_rt.bundled import open_bundled_model
from fomm_rt.keypoints import Keypoints
from fomm_rt.model_folder import open_model_folder
from fomm_rt.transfer import ABSOLUTE, relative_transfer


def test_shape_of_the_bundled_model() -> None:
    shape = FrameShape.of(open_bundled_model().manifest)
    assert (shape.size, shape.motion_size, shape.head_size) == (256, 64, 58)
    assert (shape.num_kp, shape.jacobian_maps, shape.occludes) == (10, 40, True)
    assert (shape.feature_channels, shape.feature_size) == (48, 64)
    assert shape.align_corners


def test_shape_of_a_small_model(small_model: Path) -> None:
    shape = FrameShape.of(open_model_folder(small_model).manifest)
    shapes = shape.tensor_shapes(3)
    assert shapes["source_image"] == (3, 3, 64, 64)
    assert shapes["motion_hourglass_input"] == (3, 4 * (shape.num_kp + 1), shape.motion_size, shape.motion_size)


@pytest.mark.parametrize("has_jacobians", [True, False])
@pytest.mark.parametrize("adapt_scale", [True, False])
def test_rows_carry_the_transfer(has_jacobians: bool, adapt_scale: bool) -> None:
    rng = np.random.default_rng(0)

    def draw() -> Keypoints:
        jacobian = (np.eye(2) + rng.normal(0, 0.3, (10, 2, 2))).astype(np.float32) if has_jacobians else None
        return Keypoints(rng.uniform(-1, 1, (10, 2)).astype(np.float32), jacobian)

    transfer = relative_transfer(draw(), draw(), adapt_scale)
    driving = draw()
    scale, offset, matrix = np.split(transfer_rows(transfer, 10)[0], (1, 3), axis=1)
    expected = transfer(driving)
    assert np.array_equal(driving.value * scale + offset, expected.value)
    jacobian = (
        np.broadcast_to(np.eye(2, dtype=np.float32), (10, 2, 2)) if driving.jacobian is None else driving.jacobian
    )
    found = jacobian @ matrix.reshape(10, 2, 2)
    assert np.array_equal(
        found, np.broadcast_to(np.eye(2), (10, 2, 2)) if expected.jacobian is None else expected.jacobian
    )


def test_rows_of_absolute_motion_change_nothing() -> None:
    assert np.array_equal(transfer_rows(ABSOLUTE, 2), [[[1, 0, 0, 1, 0, 0, 1]] * 2])


def test_keypoints_come_back() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    keypoints = keypoints_of(rows, has_jacobians=True)
    assert np.array_equal(keypoints.value, [[0, 1], [6, 7]])
    assert keypoints.jacobian is not None
    assert np.array_equal(keypoints.jacobian[1], [[8, 9], [10, 11]])
    assert keypoints_of(rows, has_jacobians=False).jacobian is None
