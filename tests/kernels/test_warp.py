"""warp.cu against PyTorch in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fomm_kernels import Executor, warp
from kernel_memory import (
    LAYOUTS,
    STORAGES,
    Memory,
    Recorder,
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

FINER = [  # h, w of the motion, H, W of the features
    ((5, 6), (5, 6)),
    ((4, 5), (8, 10)),
    ((7, 3), (12, 13)),
    ((1, 1), (3, 5)),
    ((9, 8), (4, 3)),
    ((6, 6), (6, 7)),
]


class Motion(NamedTuple):
    """Results of the dense-motion network and motion.cu."""

    mask_logits: Memory
    occlusion_logits: Memory | None
    sparse_motion: Memory


class DenseMotion(NamedTuple):
    deformation: torch.Tensor
    mask: torch.Tensor
    occlusion_map: torch.Tensor


def random_motion(
    n: int,
    k: int,
    size: tuple[int, int],
    storage: type = np.float32,
    layout: str = "channels first",
    occludes: bool = True,
) -> Motion:
    rows = random(n, k, 8, seed=1)
    rows[..., :4] = 0.5 * rows[..., :4] + (1, 0, 0, 1)
    mask_logits = stored(4 * random(n, k + 1, *size, seed=2), storage, layout)
    occlusion_logits = stored(4 * random(n, 1, *size, seed=3), storage, layout) if occludes else None
    return Motion(mask_logits, occlusion_logits, stored(rows))


def dense_motion(motion: Motion) -> DenseMotion:
    n, fields, height, width = motion.mask_logits.array.shape
    z, rows = coordinate_grid(height, width), motion.sparse_motion.double()[:, :, None, None]
    offset = z - rows[..., 4:6]
    moved = torch.stack([(rows[..., 0:2] * offset).sum(-1), (rows[..., 2:4] * offset).sum(-1)], dim=-1) + rows[..., 6:8]
    mask = motion.mask_logits.double().softmax(dim=1)
    sparse = torch.cat([z.expand(n, 1, -1, -1, -1), moved], dim=1)  # (N, K + 1, h, w, 2)
    occlusion_map = torch.ones(n, 1, height, width, dtype=torch.float64)
    if motion.occlusion_logits is not None:
        occlusion_map = motion.occlusion_logits.double().sigmoid()
    assert fields == sparse.shape[1]
    return DenseMotion(torch.einsum("nkhw,nkhwi->nhwi", mask, sparse), mask, occlusion_map)


def reference(
    motion: Motion, features: Memory, align_corners: bool, resize_align_corners: bool = False
) -> torch.Tensor:
    deformation, _, occlusion_map = dense_motion(motion)
    size = features.array.shape[2:]
    both = torch.cat([deformation.permute(0, 3, 1, 2), occlusion_map], dim=1)
    if both.shape[2:] != size:
        both = F.interpolate(both, size=size, mode="bilinear", align_corners=resize_align_corners)
    sources, grid = features.double().expand(len(both), -1, -1, -1), both[:, :2].permute(0, 2, 3, 1)
    return both[:, 2:] * F.grid_sample(sources, grid, padding_mode="zeros", align_corners=align_corners)


def check(
    executor: Executor, motion: Motion, features: Memory, align_corners: bool = True, layout: str = "channels first"
) -> Memory:
    shape = (len(motion.mask_logits.array), *features.array.shape[1:])
    warped = unwritten(shape, features.array.dtype, layout)
    run(warp, executor, *motion, features, warped, align_corners=align_corners)
    assert_close(warped.array, reference(motion, features, align_corners), ERROR)
    return warped


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("size", "finer"), FINER)
def test_sizes(
    executor: Executor,
    size: tuple[int, int],
    finer: tuple[int, int],
    storage: type,
    layout: str,
    align_corners: bool,
) -> None:
    motion = random_motion(2, 4, size, storage, layout)
    check(executor, motion, stored(random(2, 8, *finer), storage, layout), align_corners, layout)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("size", "finer"), [*FINER, ((4, 5), (1, 1))])
def test_motion_resized_corner_to_corner(
    executor: Executor, size: tuple[int, int], finer: tuple[int, int], align_corners: bool
) -> None:
    motion, features = random_motion(2, 4, size), stored(random(2, 8, *finer))
    warped = unwritten(features.array.shape)
    run(warp, executor, *motion, features, warped, align_corners=align_corners, resize_align_corners=True)
    assert_close(warped.array, reference(motion, features, align_corners, resize_align_corners=True), ERROR)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("channels", [1, 3, 8, 12, 256])
@pytest.mark.parametrize("occludes", [True, False])
def test_channels(executor: Executor, occludes: bool, channels: int, storage: type, layout: str) -> None:
    motion = random_motion(2, 10, (5, 7), storage, layout, occludes)
    check(executor, motion, stored(random(2, channels, 5, 7), storage, layout), True, layout)


@pytest.mark.parametrize("k", [1, 15])
def test_keypoints(executor: Executor, k: int) -> None:
    check(executor, random_motion(2, k, (4, 5)), stored(random(2, 3, 4, 5)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("finer", [(6, 5), (9, 11)])
def test_one_source_for_all_frames(executor: Executor, finer: tuple[int, int], layout: str) -> None:
    motion = random_motion(3, 4, (6, 5), np.float16, layout)
    check(executor, motion, stored(random(1, 8, *finer), np.float16, layout), False, layout)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("occludes", [True, False])
@pytest.mark.parametrize(("size", "finer"), [*FINER, ((16, 17), (2, 2)), ((8, 8), (16, 16))])
def test_pictures_for_people(
    executor: Executor, size: tuple[int, int], finer: tuple[int, int], occludes: bool, storage: type
) -> None:
    """Any of the three, at the motion's size; the features do not change."""
    motion = random_motion(2, 4, size, storage, occludes=occludes)
    features = stored(random(2, 3, *finer), storage)
    plain = check(executor, motion, features).array.tobytes()
    dense = dense_motion(motion)
    outputs = {name: unwritten(tensor.shape) for name, tensor in dense._asdict().items()}
    for names in (*([name] for name in outputs), list(outputs)):
        warped = unwritten(features.array.shape, storage)
        chosen = {name: outputs[name] for name in names}
        run(warp, executor, *motion, features, warped, align_corners=True, **chosen)
        assert warped.array.tobytes() == plain
        for name in names:
            assert_close(outputs[name].array, getattr(dense, name), 1e-5)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("finer", [(5, 6), (8, 9)])
def test_pieces_equal_single_channels(executor: Executor, finer: tuple[int, int], storage: type) -> None:
    motion = random_motion(2, 4, (5, 6), storage)
    results = []
    for layout, in_pieces in (("channels last", True), ("channels first", False)):
        features = stored(random(2, 24, *finer), storage, layout)
        warped = unwritten((2, 24, *finer), storage, layout)
        assert taken_in_pieces(motion, features, warped) == in_pieces
        run(warp, executor, *motion, features, warped, align_corners=True)
        results.append(warped.array.copy())
    assert np.array_equal(results[0], results[1])


def taken_in_pieces(motion: Motion, features: Memory, warped: Memory) -> bool:
    recorder = Recorder()
    logits, occlusion, rows = motion
    arrays = (logits.array, None if occlusion is None else occlusion.array, rows.array, features.array, warped.array)
    warp(recorder, *arrays, align_corners=True)
    return bool(recorder.launches[0].arguments.in_pieces)


def still_motion(size: tuple[int, int]) -> Motion:
    """All weight is on the background, and nothing is occluded."""
    mask_logits = np.full((1, 3, *size), -1e4)
    mask_logits[:, 0] = 1e4
    rows = random(1, 2, 8)
    return Motion(stored(mask_logits), stored(np.full((1, 1, *size), 1e4)), stored(rows))


def test_still_motion_gives_the_features_back(executor: Executor) -> None:
    features, warped = stored(random(1, 8, 5, 9)), unwritten((1, 8, 5, 9))
    run(warp, executor, *still_motion((5, 9)), features, warped, align_corners=True)
    assert_close(warped.array, features.double(), 1e-6)


@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("poison", [np.inf, np.nan])
def test_pixels_that_are_not_sampled_do_not_leak(executor: Executor, layout: str, poison: float) -> None:
    """Taps without weight point to the first pixel."""
    values = random(1, 8, 5, 9)
    values[:, :, 0, 0] = poison
    features, warped = stored(values, np.float32, layout), unwritten((1, 8, 5, 9), np.float32, layout)
    for right in (0.9, 3):  # in part, and altogether off the picture
        motion = still_motion((5, 9))
        motion.sparse_motion.array[...] = (1, 0, 0, 1, 0, 0, right, 0.8)
        motion.mask_logits.array[...] = motion.mask_logits.array[:, ::-1].copy()
        run(warp, executor, *motion, features, warped, align_corners=True)
        assert np.isfinite(warped.array).all()
        assert warped.array.any() == (right < 1)


@pytest.mark.parametrize("finer", [(5, 6), (7, 9)])
@pytest.mark.parametrize("value", [1e30, np.inf, np.nan])
def test_fields_that_lead_nowhere(executor: Executor, value: float, finer: tuple[int, int]) -> None:
    """They produce zeros where they have weight."""
    motion = random_motion(1, 2, (5, 6))
    motion.sparse_motion.array[...] = value
    warped = unwritten((1, 8, *finer))
    run(warp, executor, *motion, stored(random(1, 8, *finer)), warped, align_corners=False)
    assert not warped.array.any()


@pytest.mark.parametrize("storage", STORAGES)
def test_extreme_logits(executor: Executor, storage: type) -> None:
    """The largest halves of either sign: softmax and sigmoid neither overflow nor divide by 0."""
    largest = 65504 * np.sign(random(2, 5, 6, 7))
    motion = random_motion(2, 4, (6, 7), storage)
    motion.mask_logits.array[...] = largest
    assert motion.occlusion_logits is not None
    motion.occlusion_logits.array[...] = largest[:, :1]
    check(executor, motion, stored(random(2, 8, 6, 7), storage))


def test_rows_in_a_larger_array(executor: Executor) -> None:
    motion = random_motion(2, 3, (4, 5))
    rows = motion.sparse_motion.array
    padded = Memory(rows.shape, np.float32, padded_strides(rows.shape, 0, 5), rows)
    check(executor, motion._replace(sparse_motion=padded), stored(random(2, 8, 4, 5)))
