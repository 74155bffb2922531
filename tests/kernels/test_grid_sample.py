"""grid_sample.cu against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fomm_kernels import Executor, grid_sample
from kernel_memory import LAYOUTS, STORAGES, Memory, Recorder, assert_close, random, run, stored, unwritten

ERROR = 1e-5
"""Positions of up to 16 pixels have float32 errors of about 1e-6, times a difference of 2 between neighbours."""

SHAPES = [  # N, C, H, W of the source, h, w of the grid
    (1, 1, 5, 4, 3, 3),
    (2, 3, 7, 5, 4, 11),
    (3, 8, 6, 9, 5, 7),
    (2, 12, 3, 16, 9, 2),
    (1, 256, 4, 3, 2, 3),
    (2, 8, 1, 1, 3, 4),
    (1, 3, 1, 6, 1, 1),
]
HARD = (0, -1, 1, -1.0000001, 1.0000001, -1.13, 1.2, -2, 2, 1e30, -1e30, 3e38, np.inf, -np.inf, np.nan)


def reference(source: torch.Tensor, grid: torch.Tensor, align_corners: bool) -> torch.Tensor:
    """F.grid_sample, but with zeros for coordinates that are NaN or infinite."""
    finite = grid.isfinite().all(dim=-1, keepdim=True)
    near = torch.where(finite, grid, 0).clamp(-1e3, 1e3)  # as far outside as any
    source = source.expand(len(grid), -1, -1, -1)
    sampled = F.grid_sample(source, near, mode="bilinear", padding_mode="zeros", align_corners=align_corners)
    return sampled * finite.permute(0, 3, 1, 2)


def check(executor: Executor, source: Memory, grid: Memory, out: Memory, align_corners: bool) -> None:
    run(grid_sample, executor, source, grid, out, align_corners=align_corners)
    assert_close(out.array, reference(source.double(), grid.double(), align_corners), ERROR)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_random_grids(
    executor: Executor, shape: tuple[int, ...], storage: type, layout: str, align_corners: bool
) -> None:
    n, c, height, width, h, w = shape
    source = stored(random(n, c, height, width), storage, layout)
    grid = stored(1.5 * random(n, h, w, 2, seed=1))
    check(executor, source, grid, unwritten((n, c, h, w), storage, layout), align_corners)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 1), (5, 8)])
def test_hard_coordinates(executor: Executor, size: tuple[int, int], layout: str, align_corners: bool) -> None:
    """At the border, far outside, infinite and NaN."""
    grid = stored(np.stack(np.meshgrid(HARD, HARD), axis=-1)[None])
    source = stored(random(1, 8, *size), np.float32, layout)
    check(executor, source, grid, unwritten((1, 8, len(HARD), len(HARD)), np.float32, layout), align_corners)


@pytest.mark.parametrize("align_corners", [True, False])
def test_identity(executor: Executor, align_corners: bool) -> None:
    """The identity grid returns the picture."""
    source, out = stored(random(1, 3, 4, 8)), unwritten((1, 3, 4, 8))
    x, y = (np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1 for n in (8, 4))
    grid = stored(np.stack(np.meshgrid(x, y), axis=-1)[None])
    run(grid_sample, executor, source, grid, out, align_corners=align_corners)
    assert_close(out.array, source.double(), 1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_source_for_all_grids(executor: Executor, layout: str) -> None:
    source = stored(random(1, 8, 5, 6), np.float16, layout)
    grid = stored(random(3, 4, 7, 2, seed=1))
    check(executor, source, grid, unwritten((3, 8, 4, 7), np.float16, layout), True)


@pytest.mark.parametrize("given", LAYOUTS)
@pytest.mark.parametrize("wanted", LAYOUTS)
def test_from_one_layout_to_another(executor: Executor, given: str, wanted: str) -> None:
    source, grid = stored(random(2, 8, 5, 6), np.float32, given), stored(random(2, 4, 7, 2, seed=1))
    check(executor, source, grid, unwritten((2, 8, 4, 7), np.float32, wanted), False)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("channels", [8, 24])
def test_pieces_equal_single_channels(executor: Executor, storage: type, channels: int) -> None:
    grid = stored(1.2 * random(2, 5, 7, 2, seed=1))
    results = []
    for layout, in_pieces in (("channels last", True), ("channels first", False)):
        source = stored(random(2, channels, 5, 6), storage, layout)
        out = unwritten((2, channels, 5, 7), storage, layout)
        assert taken_in_pieces(source.array, grid.array, out.array) == in_pieces
        run(grid_sample, executor, source, grid, out, align_corners=True)
        results.append(out.array.copy())
    assert np.array_equal(results[0], results[1])


def taken_in_pieces(*arrays: Any) -> bool:
    recorder = Recorder()
    grid_sample(recorder, *arrays, align_corners=True)
    return bool(recorder.launches[0].arguments.in_pieces)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("poison", [np.inf, np.nan])
def test_pixels_that_are_not_sampled_do_not_leak(executor: Executor, layout: str, poison: float) -> None:
    """Taps without weight point to the first pixel."""
    values = random(1, 8, 4, 5)
    values[:, :, 0, 0] = poison
    source, out = stored(values, np.float32, layout), unwritten((1, 8, 1, 4), np.float32, layout)
    grid = stored([[[[1.0, 1.0], [5.0, 0.0], [np.nan, 0.0], [0.25, 0.3]]]])
    run(grid_sample, executor, source, grid, out, align_corners=True)
    assert np.isfinite(out.array).all()
