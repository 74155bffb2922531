"""blended_output.cu against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from numpy.typing import NDArray

from fomm_kernels import Executor, blended_output
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

ERROR = 0.03
"""Levels between float32 and exact values before rounding: positions of up to 300 pixels have errors of about 1e-4,
times a difference of up to 255 between neighbours."""


def exact_levels(decoded: Memory, source: Memory, deformation: Memory) -> NDArray[np.float64]:
    """255 · prediction, (N, H, W, 3), in float64 and not rounded."""
    values = decoded.double()
    field = deformation.double().permute(0, 3, 1, 2)
    finer = F.interpolate(field, size=values.shape[2:], mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    shown = source.double().expand(len(values), -1, -1, -1)
    moved = F.grid_sample(shown, finer, padding_mode="border", align_corners=True)
    colours, mask = values[:, :3], values[:, 3:]
    blended: NDArray[np.float64] = (255 * (mask * moved + (1 - mask) * colours)).permute(0, 2, 3, 1).numpy()
    return blended


def blended(
    executor: Executor, decoded: Memory, source: Memory, deformation: Memory, padding: int = 0, **options: Any
) -> NDArray[np.uint8]:
    n, _, height, width = decoded.array.shape
    shape = (n, height, width, 3)
    pictures = Memory(shape, np.uint8, padded_strides(shape, 1, padding))
    run(blended_output, executor, decoded, source, deformation, pictures, **options)
    found: NDArray[np.uint8] = pictures.array
    return found


def check(executor: Executor, decoded: Memory, source: Memory, deformation: Memory, padding: int = 0) -> None:
    found = blended(executor, decoded, source, deformation, padding)
    exact = exact_levels(decoded, source, deformation)
    assert np.abs(found - exact).max() <= 0.5 + ERROR


def unit(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    """Numbers from 0 to 1."""
    return 0.5 + 0.5 * random(*shape, seed=seed)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("n", "sources", "size", "motion"),
    [
        (1, 1, (16, 16), (4, 4)),
        (2, 1, (9, 13), (5, 3)),
        (3, 3, (7, 5), (7, 5)),
        (2, 2, (1, 300), (1, 20)),
        (1, 1, (1, 1), (2, 2)),
        (2, 1, (171, 1), (1, 1)),
    ],
)
def test_random_motion(
    executor: Executor,
    n: int,
    sources: int,
    size: tuple[int, int],
    motion: tuple[int, int],
    storage: type,
    layout: str,
    padding: int,
) -> None:
    decoded, source = (
        stored(unit(n, 4, *size), storage, layout),
        stored(unit(sources, 3, *size, seed=1), storage, layout),
    )
    check(executor, decoded, source, stored(1.4 * random(n, *motion, 2, seed=2)), padding)


def masked(mask: float, size: int, storage: type = np.float32) -> Memory:
    decoded = unit(1, 4, size, size)
    decoded[:, 3] = mask
    return stored(decoded, storage)


def levels(size: int) -> NDArray[np.int64]:
    return np.random.default_rng(3).integers(0, 256, (1, 3, size, size))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("size", "motion"), [(64, 16), (256, 64), (100, 25), (32, 32)])
def test_without_motion_a_full_mask_gives_the_source(executor: Executor, size: int, motion: int, storage: type) -> None:
    picture = levels(size)
    identity = stored(coordinate_grid(motion, motion)[None].numpy())
    found = blended(executor, masked(1, size, storage), stored(picture / 255, storage), identity)
    assert np.array_equal(found, picture.transpose(0, 2, 3, 1))


def test_an_empty_mask_gives_the_colours(executor: Executor) -> None:
    decoded = masked(0, 16)
    found = blended(executor, decoded, stored(unit(1, 3, 16, 16)), stored(random(1, 4, 4, 2)))
    assert np.array_equal(found, np.rint(255 * decoded.array[:, :3]).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("far", [1.0001, 1.2, 5, 1e30, np.inf])
def test_beyond_the_source_lies_its_edge(executor: Executor, far: float) -> None:
    picture = levels(32)
    field = coordinate_grid(8, 8)[None].numpy()
    for axis, side in ((0, -1), (0, 1), (1, -1), (1, 1)):
        outside = field.copy()
        outside[..., axis] = side * far
        found = blended(executor, masked(1, 32), stored(picture / 255), stored(outside))
        edge = picture[..., [0 if side < 0 else -1]] if axis == 0 else picture[:, :, [0 if side < 0 else -1]]
        assert np.array_equal(found, np.broadcast_to(edge, picture.shape).transpose(0, 2, 3, 1))


def test_values_that_are_not_finite_stay_local(executor: Executor) -> None:
    decoded, source, field = unit(1, 4, 32, 32), unit(1, 3, 32, 32, seed=1), 1.4 * random(1, 8, 8, 2)
    expected = blended(executor, stored(decoded), stored(source), stored(field))
    field[0, 0, 0] = np.nan, -np.inf
    decoded[0, :, 31, 31] = np.nan
    found = blended(executor, stored(decoded), stored(source), stored(field))
    assert not found[0, 31, 31].any()
    # The next motion pixel lies at 31 / 7 = 4.4.
    assert np.array_equal(found[0, 5:, :31], expected[0, 5:, :31])
    assert np.array_equal(found[0, :31, 5:], expected[0, :31, 5:])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
def test_keeps_the_mask_for_people(executor: Executor, storage: type, layout: str) -> None:
    decoded = stored(unit(2, 4, 9, 13), storage, layout)
    mask = unwritten((2, 1, 9, 13))
    inputs = stored(unit(1, 3, 9, 13), storage, layout), stored(random(2, 3, 4, 2))
    with_mask = blended(executor, decoded, *inputs, blend_mask=mask)
    assert_close(mask.array, decoded.double()[:, 3:], 0)
    assert np.array_equal(with_mask, blended(executor, decoded, *inputs))
