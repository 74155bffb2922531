"""motion.cu against the PyTorch dense-motion network in float64, and its transfer against the runtime's."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fomm_export.networks.dense_motion import DenseMotionNetwork
from fomm_export.networks.geometry import inverse_2x2
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_kernels import Executor, motion
from fomm_rt.motion import keypoints as runtime
from fomm_rt.motion.transfer import relative_transfer
from golden_files import Golden
from kernel_memory import (
    LAYOUTS,
    STORAGES,
    Memory,
    assert_close,
    coordinate_grid,
    padded_strides,
    random,
    run,
    stored,
    unwritten,
)

ERROR = 3e-5
"""Positions of a few units have float32 errors of 1e-6: 1e-5 of a pixel, times a difference of 2 between neighbours."""

ABSOLUTE = (1, 0, 0, 1, 0, 0, 1)

published_motion = partial(motion, variance=0.01)


def keypoint_rows(n: int, k: int, seed: int) -> NDArray[np.float64]:
    """(N, K, 6): anywhere in the picture, with well-conditioned jacobians."""
    rows = random(n, k, 6, seed=seed)
    rows[..., 2:] = 0.4 * rows[..., 2:] + (1, 0, 0, 1)
    return rows


def transfer_rows(n: int, k: int, seed: int) -> NDArray[np.float64]:
    """(N, K, 7): scale, offset, matrix."""
    return np.concatenate([1.2 + 0.3 * random(n, k, 1, seed=seed), 0.5 * keypoint_rows(n, k, seed)], axis=2)


def split(rows: torch.Tensor) -> Keypoints:
    return Keypoints(rows[..., :2], rows[..., 2:].reshape(*rows.shape[:2], 2, 2))


def transferred(driving: Memory, transfer: Memory) -> Keypoints:
    kp_driving, t = split(driving.double()), transfer.double()
    assert kp_driving.jacobian is not None
    matrix = t[..., 3:].reshape(*t.shape[:2], 2, 2)
    return Keypoints(kp_driving.value * t[..., :1] + t[..., 1:3], kp_driving.jacobian @ matrix)


@cache
def network(height: int, width: int, align_corners: bool) -> DenseMotionNetwork:
    """The published network's arithmetic for pictures of any size."""
    network = DenseMotionNetwork(Golden("small").configuration, 4, align_corners).double()
    network.grid = coordinate_grid(height, width)
    return network


def reference(
    driving: Memory, source: Memory, transfer: Memory, quarter: Memory, align_corners: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of sparse motion (N, K, 8) and the hourglass's input (N, 4 · (K + 1), h, w)."""
    n = len(driving.array)
    net = network(*quarter.array.shape[2:], align_corners)
    kp_driving = transferred(driving, transfer)
    kp_source = split(source.double().expand(n, -1, -1))
    assert kp_driving.jacobian is not None
    assert kp_source.jacobian is not None
    matrix = (kp_source.jacobian @ inverse_2x2(kp_driving.jacobian)).flatten(2)
    hourglass_input = net.hourglass_input(
        quarter.double().expand(n, -1, -1, -1), kp_source, kp_driving, net.sparse_motion(kp_source, kp_driving)
    )
    return torch.cat([matrix, kp_driving.value, kp_source.value], dim=2), hourglass_input


def check(
    executor: Executor,
    driving: Memory,
    source: Memory,
    transfer: Memory,
    quarter: Memory,
    align_corners: bool = True,
    layout: str = "channels first",
) -> None:
    n, k = driving.array.shape[:2]
    storage, (height, width) = quarter.array.dtype, quarter.array.shape[2:]
    hourglass_input, sparse_motion = unwritten((n, 4 * (k + 1), height, width), storage, layout), unwritten((n, k, 8))
    arrays = (driving, source, transfer, quarter, hourglass_input, sparse_motion)
    run(published_motion, executor, *arrays, align_corners=align_corners)
    rows, expected = reference(driving, source, transfer, quarter, align_corners)
    assert_close(sparse_motion.array, rows, ERROR)
    assert_close(hourglass_input.array, expected, ERROR)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("n", "k", "size"), [(1, 10, (16, 16)), (2, 1, (5, 9)), (3, 15, (7, 6)), (2, 5, (1, 1))])
def test_random_motion(
    executor: Executor, n: int, k: int, size: tuple[int, int], storage: type, layout: str, align_corners: bool
) -> None:
    driving, source = stored(keypoint_rows(n, k, 0)), stored(keypoint_rows(n, k, 1))
    quarter = stored(0.5 + 0.5 * random(n, 3, *size), storage, layout)
    check(executor, driving, source, stored(transfer_rows(n, k, 2)), quarter, align_corners, layout)


@pytest.mark.parametrize("variance", [0.0001, 0.02, 1.0])
def test_variance_of_the_heatmaps(executor: Executor, variance: float) -> None:
    driving, source = stored(keypoint_rows(1, 4, 0)), stored(keypoint_rows(1, 4, 1))
    hourglass_input, sparse_motion = unwritten((1, 20, 7, 8)), unwritten((1, 4, 8))
    arrays = (driving, source, stored(np.tile(ABSOLUTE, (1, 4, 1))), stored(random(1, 3, 7, 8)))
    run(motion, executor, *arrays, hourglass_input, sparse_motion, align_corners=True, variance=variance)
    grid = coordinate_grid(7, 8)

    def gaussian(centres: torch.Tensor) -> torch.Tensor:
        return torch.exp(-0.5 * (grid - centres[:, None, None]).square().sum(-1) / variance)

    expected = gaussian(driving.double()[0, :, :2]) - gaussian(source.double()[0, :, :2])
    assert_close(hourglass_input.array[0, 4::4], expected, ERROR)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shared", ["source", "transfer", "quarter"])
def test_one_source_for_all_frames(executor: Executor, shared: str, layout: str) -> None:
    n = {name: 1 if name == shared else 3 for name in ("source", "transfer", "quarter")}
    check(
        executor,
        stored(keypoint_rows(3, 4, 0)),
        stored(keypoint_rows(n["source"], 4, 1)),
        stored(transfer_rows(n["transfer"], 4, 2)),
        stored(random(n["quarter"], 3, 6, 8), np.float32, layout),
    )


def test_rows_in_larger_arrays(executor: Executor) -> None:
    """The rows of each frame may start at any address."""

    def padded(values: NDArray[np.float64] | None, length: int) -> Memory:
        shape = (2, 3, length)
        return Memory(shape, np.float32, padded_strides(shape, 0, 5), values)

    driving, source = padded(keypoint_rows(2, 3, 0), 6), padded(keypoint_rows(2, 3, 1), 6)
    transfer, sparse_motion = padded(transfer_rows(2, 3, 2), 7), padded(None, 8)
    quarter, hourglass_input = stored(random(2, 3, 5, 4)), unwritten((2, 16, 5, 4))
    run(
        published_motion,
        executor,
        driving,
        source,
        transfer,
        quarter,
        hourglass_input,
        sparse_motion,
        align_corners=True,
    )
    rows, expected = reference(driving, source, transfer, quarter, True)
    assert_close(sparse_motion.array, rows, ERROR)
    assert_close(hourglass_input.array, expected, ERROR)


def test_absolute_motion_of_the_source_itself(executor: Executor) -> None:
    """Every field is the identity and every heatmap is empty: the hourglass sees the source K + 1 times."""
    rows = stored(keypoint_rows(1, 4, 0))
    quarter, hourglass_input, sparse_motion = stored(random(1, 3, 6, 5)), unwritten((1, 20, 6, 5)), unwritten((1, 4, 8))
    transfer = stored(np.tile(ABSOLUTE, (1, 4, 1)))
    run(published_motion, executor, rows, rows, transfer, quarter, hourglass_input, sparse_motion, align_corners=True)
    fields = hourglass_input.array.reshape(5, 4, 6, 5)
    assert not fields[:, 0].any()
    assert_close(fields[:, 1:], quarter.double().expand(5, -1, -1, -1), ERROR)
    assert_close(sparse_motion.array[..., :4], np.tile((1.0, 0, 0, 1), (1, 4, 1)), 1e-6)


@pytest.mark.parametrize("adapt_scale", [True, False])
@pytest.mark.parametrize("jacobians", [True, False])
def test_transfer_is_the_runtimes(executor: Executor, jacobians: bool, adapt_scale: bool) -> None:
    """Rows of `scale, offset, J_d0⁻¹ · J_s` transfer motion as fomm_rt.motion.transfer does."""

    def keypoints(seed: int) -> runtime.Keypoints:
        rows = keypoint_rows(1, 6, seed)[0].astype(np.float32)
        return runtime.Keypoints(rows[:, :2], rows[:, 2:].reshape(-1, 2, 2) if jacobians else None)

    def rows(keypoints: runtime.Keypoints) -> Memory:
        jacobian = np.tile(np.eye(2), (6, 1, 1)) if keypoints.jacobian is None else keypoints.jacobian
        return stored(np.concatenate([keypoints.value, jacobian.reshape(6, 4)], axis=1)[None])

    source, initial, driving = (keypoints(seed) for seed in range(3))
    transfer = relative_transfer(source, initial, adapt_scale)
    assert transfer.offset is not None
    assert (transfer.scale != 1) == adapt_scale
    matrix = np.tile(np.eye(2), (6, 1, 1)) if transfer.jacobian is None else transfer.jacobian
    prepared = np.concatenate([np.full((6, 1), transfer.scale), transfer.offset, matrix.reshape(6, 4)], axis=1)[None]
    moved = rows(transfer(driving))
    results = []
    for given, by in ((rows(driving), stored(prepared)), (moved, stored(np.tile(ABSOLUTE, (1, 6, 1))))):
        hourglass_input, sparse_motion = unwritten((1, 28, 7, 8)), unwritten((1, 6, 8))
        quarter = stored(random(1, 3, 7, 8))
        run(
            published_motion,
            executor,
            given,
            rows(source),
            by,
            quarter,
            hourglass_input,
            sparse_motion,
            align_corners=True,
        )
        assert_close(sparse_motion.array[..., 4:6], moved.double()[..., :2], 1e-6)
        results.append((hourglass_input.array, sparse_motion.array))
    for found, expected in zip(*results, strict=True):
        assert_close(found, expected.astype(np.float64), ERROR)


SINGULAR = [(0, 0, 0, 0), (1, 2, 2, 4), (1, 0, 0, 0), (1e-5, 0, 0, 1e-5), (1e-5, 0, 0, -1e-5), (1e-30, 0, 0, 1e-30)]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("where", ["driving", "transfer"])
def test_singular_jacobians_are_finite(executor: Executor, where: str, storage: type) -> None:
    k = len(SINGULAR)
    driving, transfer = keypoint_rows(1, k, 0), np.tile(np.array(ABSOLUTE, np.float64), (1, k, 1))
    driving[..., 2:] = (1, 0, 0, 1)
    (driving if where == "driving" else transfer)[..., -4:] = SINGULAR
    memories = stored(driving), stored(keypoint_rows(1, k, 1)), stored(transfer)
    quarter = stored(0.5 + 0.5 * random(1, 3, 6, 7), storage)
    hourglass_input, sparse_motion = unwritten((1, 4 * (k + 1), 6, 7), storage), unwritten((1, k, 8))
    run(published_motion, executor, *memories, quarter, hourglass_input, sparse_motion, align_corners=True)
    assert_close(sparse_motion.array, reference(*memories, quarter, True)[0], ERROR)
    assert np.isfinite(hourglass_input.array).all()
    colours = hourglass_input.array.reshape(k + 1, 4, 6, 7)[:, 1:]
    assert (colours >= 0).all()
    assert (colours <= 1).all()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("value", [1e30, np.inf, np.nan])
def test_keypoints_that_are_nowhere(executor: Executor, value: float, align_corners: bool) -> None:
    """Their fields sample nothing; the other keypoints and the background do not change."""
    source = keypoint_rows(1, 3, 1)
    source[0, 1, :2] = value
    memories = stored(keypoint_rows(1, 3, 0)), stored(source), stored(np.tile(ABSOLUTE, (1, 3, 1)))
    quarter, hourglass_input, sparse_motion = stored(random(1, 3, 6, 7)), unwritten((1, 16, 6, 7)), unwritten((1, 3, 8))
    run(published_motion, executor, *memories, quarter, hourglass_input, sparse_motion, align_corners=align_corners)
    found = hourglass_input.array.reshape(4, 4, 6, 7)
    assert not found[2, 1:].any()
    expected = reference(*memories, quarter, align_corners)[1].reshape(4, 4, 6, 7)
    for field in (0, 1, 3):
        assert_close(found[field], expected[field], ERROR)


@pytest.mark.parametrize("poison", [np.inf, np.nan])
def test_pixels_that_are_not_sampled_do_not_leak(executor: Executor, poison: float) -> None:
    """Taps without weight point to the first pixel."""
    values = random(1, 3, 6, 7)
    values[:, :, 0, 0] = poison
    source = np.array([[[0.9, 0.8, 1, 0, 0, 1], [5, 5, 1, 0, 0, 1]]])  # in part, and altogether off the picture
    memories = stored(source * (0, 0, 1, 1, 1, 1)), stored(source), stored(np.tile(ABSOLUTE, (1, 2, 1)))
    hourglass_input, sparse_motion = unwritten((1, 12, 6, 7)), unwritten((1, 2, 8))
    run(published_motion, executor, *memories, stored(values), hourglass_input, sparse_motion, align_corners=True)
    assert np.isfinite(hourglass_input.array[:, 4:]).all()
    assert hourglass_input.array[:, 5:8].any()
