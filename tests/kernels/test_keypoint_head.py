"""keypoint_head.cu against the PyTorch network's expectation in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_kernels import Executor, keypoint_head
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

ERROR = 2e-5
"""Logits over temperature of up to 60 have float32 errors of 4e-6, and so has each weight of the mean."""

SIZES = [(58, 58), (7, 9), (1, 1), (1, 30), (3, 500)]


@pytest.fixture(scope="module")
def detector() -> KeypointDetector:
    return KeypointDetector(Golden("small").configuration, downsample=4).double()


def reference(detector: KeypointDetector, logits: Memory, maps: Memory | None, temperature: float) -> np.ndarray:
    """(N, K, 6): x, y, xx, xy, yx, yy."""
    n, k, height, width = logits.array.shape
    detector.grid, detector.temperature = coordinate_grid(height, width), temperature
    found = detector.expectation(logits.double(), None if maps is None else maps.double())
    jacobian = np.tile(np.eye(2), (n, k, 1, 1)) if found.jacobian is None else found.jacobian.numpy()
    return np.concatenate([found.value.numpy(), jacobian.reshape(n, k, 4)], axis=2)


def check(
    executor: Executor, detector: KeypointDetector, logits: Memory, maps: Memory | None, temperature: float = 0.1
) -> None:
    keypoints = unwritten((*logits.array.shape[:2], 6))
    run(keypoint_head, executor, logits, maps, keypoints, temperature=temperature)
    assert_close(keypoints.array, reference(detector, logits, maps, temperature), ERROR)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("k", "size"), list(zip((10, 15, 1, 15, 1), SIZES, strict=True)))
def test_a_set_of_maps_a_keypoint(
    executor: Executor, detector: KeypointDetector, size: tuple[int, int], k: int, storage: type, layout: str
) -> None:
    n = 1 if size == (58, 58) else 2
    logits = stored(3 * random(n, k, *size), storage, layout)
    check(executor, detector, logits, stored(random(n, 4 * k, *size, seed=1), storage, layout))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("maps", [None, 4], ids=["no maps", "one set of maps"])
@pytest.mark.parametrize("size", SIZES)
def test_fewer_maps(
    executor: Executor, detector: KeypointDetector, size: tuple[int, int], maps: int | None, storage: type
) -> None:
    logits = stored(3 * random(2, 5, *size), storage)
    check(executor, detector, logits, None if maps is None else stored(random(2, maps, *size, seed=1), storage))


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1, 20])
def test_temperatures(executor: Executor, detector: KeypointDetector, temperature: float) -> None:
    check(executor, detector, stored(2 * random(1, 3, 8, 9)), stored(random(1, 12, 8, 9, seed=1)), temperature)


@pytest.mark.parametrize("level", [-1e4, 0, 1, 65504])
@pytest.mark.parametrize("size", [(58, 58), (7, 9), (3, 500)])
def test_flat_logits_give_the_centre(executor: Executor, size: tuple[int, int], level: float) -> None:
    logits, keypoints = stored(np.full((1, 2, *size), level), np.float16), unwritten((1, 2, 6))
    maps = stored(np.broadcast_to(np.arange(8)[:, None, None], (1, 8, *size)), np.float16)
    run(keypoint_head, executor, logits, maps, keypoints, temperature=0.1)
    assert_close(keypoints.array, np.array([[[0, 0, 0, 1, 2, 3], [0, 0, 4, 5, 6, 7]]], np.float64), 1e-6)


@pytest.mark.parametrize(
    ("storage", "scale"), [(np.float16, 1e4), (np.float16, 65504), (np.float32, 1e4), (np.float32, 3e38)]
)
def test_huge_logits(executor: Executor, detector: KeypointDetector, storage: type, scale: float) -> None:
    """All weight is on the highest logit, whichever thread reads it; no finite logit overflows."""
    values = np.where(random(2, 3, 18, 20) < 0, -scale, 0.5 * scale)
    for i, logits in enumerate(values.reshape(6, -1)):
        logits[7 + 60 * i] = scale
    check(executor, detector, stored(values, storage), stored(random(2, 12, 18, 20, seed=1), storage))


def test_positions_of_minus_infinity_have_no_weight(executor: Executor, detector: KeypointDetector) -> None:
    values = random(1, 2, 6, 300)
    values[:, :, ::2] = -np.inf
    check(executor, detector, stored(values), stored(random(1, 8, 6, 300, seed=1)))


@pytest.mark.parametrize("storage", STORAGES)
def test_not_a_number_gives_none(executor: Executor, storage: type) -> None:
    """Only its own keypoint is NaN; the others do not change."""
    values = random(1, 3, 5, 70)
    values[0, 1, 4, 69] = np.nan
    keypoints = unwritten((1, 3, 6))
    run(keypoint_head, executor, stored(values, storage), None, keypoints, temperature=0.1)
    assert np.isnan(keypoints.array[0, 1, :2]).all()
    assert np.isfinite(keypoints.array[0, [0, 2]]).all()


def test_keypoints_in_a_larger_array(executor: Executor, detector: KeypointDetector) -> None:
    """The keypoints of each frame may start at any address."""
    logits, keypoints = stored(random(3, 2, 4, 5)), Memory((3, 2, 6), np.float32, padded_strides((3, 2, 6), 0, 7))
    run(keypoint_head, executor, logits, None, keypoints, temperature=0.1)
    assert_close(keypoints.array, reference(detector, logits, None, 0.1), ERROR)
