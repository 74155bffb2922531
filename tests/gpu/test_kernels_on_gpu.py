"""Every kernel on the GPU against its host build.

Both have the same source. They differ where a GPU contracts a · b + c to one rounding and uses another exp (2 ulp). The
tolerances are a few times the difference that contraction alone makes between two host builds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_kernels import (
    Array,
    DeviceKernels,
    blended_output,
    frame_input,
    grid_sample,
    keypoint_head,
    motion,
    prediction_output,
    warp,
)
from fomm_rt.model.blur import published_blur
from gpu_memory import Gpu, assert_twins
from kernel_memory import LAYOUTS, STORAGES, Memory, padded_strides, random, stored, unwritten

pytestmark = pytest.mark.gpu

SAMPLED = 1e-4
"""Positions of up to 4 units have errors of 1e-6 in float32: 3e-5 of a pixel, times 2 between neighbours."""
EXPECTED = 2e-5
"""Logits over temperature of up to 60 have errors of 4e-6, and so has each weight of the mean."""
BLURRED = 2e-6
"""Sums of products of weights that add up to 1."""
FLIPPED = ((0.25, 1.001 / 255), (1e-4, 1.001 / 255))
"""Tolerances of quarter and frame. In an enlarged picture, interpolation comes so close to half a level that rounding
differs about once in 100 000 values; the blur spreads this to its neighbours in the quarter."""

HARD = (0, -1, 1, -1.0000001, 1.0000001, -1.13, 1.2, -2, 2, 1e30, -1e30, 3e38, np.inf, -np.inf, np.nan)
SIZES = [  # frame, quarter, height and width of the picture, part, placed
    (64, 16, (64, 64), (0, 0, 64, 64), (0, 0, 64, 64)),
    (64, 64, (90, 70), (5, 7, 60, 80), (0, 0, 64, 64)),
    (256, 64, (300, 400), (50, 0, 300, 300), (0, 0, 256, 256)),
    (256, 64, (100, 130), (10, 3, 97, 97), (0, 0, 256, 256)),
    (256, 64, (480, 270), (0, 0, 270, 480), (56, 0, 144, 256)),
    (512, 64, (200, 333), (0, 0, 333, 200), (0, 102, 512, 308)),
    (512, 128, (512, 512), (0, 0, 512, 512), (0, 0, 512, 512)),
    (96, 3, (40, 40), (0, 0, 40, 40), (0, 0, 96, 96)),
]


@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("size", "side", "picture", "part", "placed"), SIZES)
def test_frame_input(
    gpu: Gpu,
    size: int,
    side: int,
    picture: tuple[int, int],
    part: tuple[int, int, int, int],
    placed: tuple[int, int, int, int],
    storage: type,
    layout: str,
) -> None:
    n = 2
    shape = (n, *picture, 3)
    values = np.random.default_rng(size).integers(0, 256, shape, np.uint8)
    pictures = Memory(shape, np.uint8, padded_strides(shape, 1, 5), values)
    frame, quarter = unwritten((n, 3, size, size), storage, layout), unwritten((n, 3, side, side), storage, layout)
    grows = part[2:] != placed[2:] and part[2] <= placed[2] and part[3] <= placed[3]
    blur = published_blur(size // side)
    options: dict[str, Any] = {"size": size, "part": part, "placed": placed, "frame": frame}
    options |= {"sigma": blur.sigma, "radius": blur.radius}
    gpu.compare(frame_input, pictures, quarter, error=BLURRED, rare=FLIPPED if grows else (), **options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("n", "k", "maps", "height", "width"),
    [(1, 10, 40, 58, 58), (2, 10, 4, 58, 58), (2, 15, 60, 7, 9), (3, 1, None, 1, 30), (1, 10, None, 122, 122)],
)
def test_keypoint_head(
    gpu: Gpu, n: int, k: int, maps: int | None, height: int, width: int, storage: type, layout: str
) -> None:
    logits = stored(6 * random(n, k, height, width), storage, layout)
    jacobian_maps = None if maps is None else stored(random(n, maps, height, width, seed=1), storage, layout)
    gpu.compare(keypoint_head, logits, jacobian_maps, unwritten((n, k, 6)), temperature=0.1, error=EXPECTED)


def test_keypoint_head_of_hard_logits(gpu: Gpu) -> None:
    """Flat, one peak, NaN, infinite, and the largest finite logits."""
    logits = np.zeros((1, 5, 8, 8))
    logits[0, 1, 2, 3], logits[0, 2, 4, 4], logits[0, 3, 0, 0], logits[0, 4] = 60000, np.nan, -np.inf, 60000
    for storage in STORAGES:
        gpu.compare(keypoint_head, stored(logits, storage), None, unwritten((1, 5, 6)), temperature=0.1, error=EXPECTED)


def keypoint_rows(n: int, k: int, seed: int) -> NDArray[np.float64]:
    """(N, K, 6): anywhere in the picture, with well-conditioned jacobians."""
    rows = random(n, k, 6, seed=seed)
    rows[..., 2:] = 0.4 * rows[..., 2:] + (1, 0, 0, 1)
    return rows


def motion_arguments(
    n: int, k: int, size: tuple[int, int], storage: type, layout: str, shared: bool = True
) -> list[Memory]:
    """Arguments of `motion`: one source for the batch, or one per frame."""
    sources = 1 if shared else n
    transfer = np.concatenate([1.2 + 0.3 * random(sources, k, 1), 0.5 * keypoint_rows(sources, k, 3)], axis=2)
    return [
        stored(keypoint_rows(n, k, 1)),
        stored(keypoint_rows(sources, k, 2)),
        stored(transfer),
        stored(0.5 + 0.5 * random(sources, 3, *size, seed=4), storage, layout),
        unwritten((n, 4 * (k + 1), *size), storage, layout),
        unwritten((n, k, 8)),
    ]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("n", "k", "size", "shared"), [(1, 10, (64, 64), True), (3, 15, (16, 13), False)])
def test_motion(
    gpu: Gpu, n: int, k: int, size: tuple[int, int], shared: bool, storage: type, layout: str, align_corners: bool
) -> None:
    arguments = motion_arguments(n, k, size, storage, layout, shared)
    gpu.compare(motion, *arguments, align_corners=align_corners, variance=0.01, error=SAMPLED)


@pytest.mark.parametrize("storage", STORAGES)
def test_motion_of_hard_keypoints(gpu: Gpu, storage: type) -> None:
    """NaN, infinite and distant keypoints; a jacobian of zeros and one of NaN."""
    arguments = motion_arguments(2, 5, (16, 16), storage, "channels last")
    driving = arguments[0].array
    driving[0, 0, 0], driving[0, 1, 1], driving[0, 2, :2] = np.nan, np.inf, 1e30
    driving[0, 3, 2:], driving[0, 4, 2:] = 0, np.nan
    gpu.compare(motion, *arguments, align_corners=False, variance=0.01, error=SAMPLED)


def warp_arguments(
    n: int,
    channels: int,
    motion_size: tuple[int, int],
    size: tuple[int, int],
    storage: type,
    layout: str,
    occludes: bool = True,
    shared: bool = True,
) -> list[Memory | None]:
    """Arguments of `warp` with 10 keypoints."""
    rows = random(n, 10, 8, seed=1)
    rows[..., :4] = 0.5 * rows[..., :4] + (1, 0, 0, 1)
    return [
        stored(4 * random(n, 11, *motion_size, seed=2), storage, layout),
        stored(4 * random(n, 1, *motion_size, seed=3), storage, layout) if occludes else None,
        stored(rows),
        stored(random(1 if shared else n, channels, *size, seed=4), storage, layout),
        unwritten((n, channels, *size), storage, layout),
    ]


WARPS = [  # N, C, h, w of the motion, H, W of the features, occlusion, shared features
    (1, 256, (64, 64), (64, 64), True, True),
    (3, 12, (16, 13), (16, 13), True, False),
    (2, 7, (9, 8), (9, 8), False, True),
    (2, 16, (16, 16), (32, 32), True, True),
    (2, 20, (7, 5), (13, 19), True, False),
    (1, 8, (9, 8), (4, 3), True, True),
]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("n", "channels", "motion_size", "size", "occludes", "shared"), WARPS)
def test_warp(
    gpu: Gpu,
    n: int,
    channels: int,
    motion_size: tuple[int, int],
    size: tuple[int, int],
    occludes: bool,
    shared: bool,
    storage: type,
    layout: str,
    align_corners: bool,
) -> None:
    arguments = warp_arguments(n, channels, motion_size, size, storage, layout, occludes, shared)
    for_people: dict[str, Any] = {
        "deformation": unwritten((n, *motion_size, 2)),
        "mask": unwritten((n, 11, *motion_size)),
        "occlusion_map": unwritten((n, 1, *motion_size)),
    }
    gpu.compare(warp, *arguments, align_corners=align_corners, error=SAMPLED, **for_people)
    gpu.compare(warp, *arguments, align_corners=align_corners, error=SAMPLED)
    gpu.compare(warp, *arguments, align_corners=align_corners, resize_align_corners=True, error=SAMPLED)


@pytest.mark.parametrize("storage", STORAGES)
def test_warp_of_hard_motion(gpu: Gpu, storage: type) -> None:
    arguments = warp_arguments(2, 16, (16, 16), (16, 16), storage, "channels last")
    mask_logits, _, rows, _, _ = arguments
    assert mask_logits
    assert rows
    rows.array[0, 0, 4], rows.array[0, 1, 6], rows.array[1, 2, 7] = np.nan, np.inf, 1e30
    mask_logits.array[1, 3, 2, :4] = (np.nan, 6e4, -6e4, -np.inf)
    gpu.compare(warp, *arguments, align_corners=True, error=SAMPLED)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("n", "channels", "size", "out"),
    [(1, 3, (64, 64), (64, 64)), (2, 12, (9, 16), (31, 7)), (3, 7, (5, 4), (3, 3)), (1, 256, (16, 16), (32, 32))],
)
def test_grid_sample(
    gpu: Gpu,
    n: int,
    channels: int,
    size: tuple[int, int],
    out: tuple[int, int],
    storage: type,
    layout: str,
    align_corners: bool,
) -> None:
    source = stored(random(n, channels, *size), storage, layout)
    grid = stored(1.5 * random(n, *out, 2, seed=1))
    sampled = unwritten((n, channels, *out), storage, layout)
    gpu.compare(grid_sample, source, grid, sampled, align_corners=align_corners, error=SAMPLED)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("storage", STORAGES)
def test_grid_sample_at_hard_coordinates(gpu: Gpu, storage: type, layout: str, align_corners: bool) -> None:
    grid = stored(np.stack(np.meshgrid(HARD, HARD), axis=-1)[None])
    source, sampled = stored(random(1, 8, 5, 8), storage, layout), unwritten((1, 8, 15, 15), storage, layout)
    gpu.compare(grid_sample, source, grid, sampled, align_corners=align_corners, error=SAMPLED)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("shape", [(1, 3, 256, 256), (2, 3, 9, 13), (2, 3, 171, 1)])
def test_prediction_output(gpu: Gpu, shape: tuple[int, ...], storage: type, layout: str) -> None:
    """The bytes are equal: a single product, rounded once, cannot be contracted."""
    prediction = stored(0.5 + 0.6 * random(*shape), storage, layout)
    prediction.array[0, 0, 0, 0], prediction.array[0, 1, 0, 0], prediction.array[0, 2, 0, 0] = np.nan, np.inf, -np.inf
    shape = (shape[0], *shape[2:], 3)
    gpu.compare(prediction_output, prediction, Memory(shape, np.uint8, padded_strides(shape, 1, 5)), error=0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("n", "sources", "size", "motion_size"),
    [(1, 1, (256, 256), (64, 64)), (2, 1, (9, 13), (5, 3)), (2, 2, (171, 1), (4, 1))],
)
def test_blended_output(
    gpu: Gpu,
    n: int,
    sources: int,
    size: tuple[int, int],
    motion_size: tuple[int, int],
    storage: type,
    layout: str,
) -> None:
    """Sums may be contracted, so a value near half a level may round the other way."""
    decoded = stored(0.5 + 0.5 * random(n, 4, *size), storage, layout)
    source = stored(0.5 + 0.5 * random(sources, 3, *size, seed=1), storage, layout)
    deformation = stored(1.3 * random(n, *motion_size, 2, seed=2))
    deformation.array[0, 0, 0] = np.nan
    shape = (n, *size, 3)
    pictures, mask = Memory(shape, np.uint8, padded_strides(shape, 1, 5)), unwritten((n, 1, *size))
    rare = ((1e-2, 1.001), (0, 0))
    gpu.compare(blended_output, decoded, source, deformation, pictures, error=0, rare=rare, blend_mask=mask)


def test_ptx(gpu: Gpu) -> None:
    """A device newer than NVRTC gets PTX, which the driver compiles."""
    ours = gpu.kernels
    gpu.kernels = DeviceKernels()
    gpu.kernels.architecture = "compute_75"
    try:
        arguments = warp_arguments(2, 16, (16, 16), (16, 16), np.float16, "channels last")
        gpu.compare(warp, *arguments, align_corners=True, error=SAMPLED)
    finally:
        gpu.kernels.close()
        gpu.kernels = ours


class TestQueueing:
    """Streams, graphs and addresses, with `motion` followed by `warp` on its results."""

    def arguments(self) -> tuple[list[Memory], list[Memory]]:
        motions = motion_arguments(2, 10, (16, 16), np.float16, "channels last")
        warps = [memory for memory in warp_arguments(2, 16, (16, 16), (16, 16), np.float16, "channels last") if memory]
        return motions, [*warps[:2], motions[5], *warps[3:]]

    def queue(self, gpu: Gpu, motions: list[Any], warps: list[Any], stream: Any) -> None:
        motion(gpu.kernels, *motions, align_corners=False, variance=0.01, stream=stream)
        warp(gpu.kernels, *warps, align_corners=False, stream=stream)

    def on_gpu(self, gpu: Gpu) -> tuple[list[Any], list[Any]]:
        motions, warps = self.arguments()
        twins = {id(memory): gpu.put(memory) for memory in (*motions, *warps)}
        return [twins[id(memory)] for memory in motions], [twins[id(memory)] for memory in warps]

    def eager(self, gpu: Gpu) -> NDArray[Any]:
        motions, warps = self.on_gpu(gpu)
        self.queue(gpu, motions, warps, None)
        return np.array(warps[-1].download())

    def test_graph_replays_what_launches_do(self, gpu: Gpu) -> None:
        motions, warps = self.on_gpu(gpu)
        with gpu.stream() as stream, gpu.captured(lambda on: self.queue(gpu, motions, warps, on), stream) as replay:
            gpu.synchronize()
            assert np.isnan(warps[-1].download()).all(), "capturing runs nothing"
            replay()
            assert np.array_equal(warps[-1].download(), self.eager(gpu))

            # A replay takes what lies at the addresses now.
            driving = motions[0].memory
            driving.array[...] = keypoint_rows(2, 10, 9)
            motions[0].upload()
            replay()
            second = np.array(warps[-1].download())
        self.queue(gpu, motions, warps, None)
        assert np.array_equal(warps[-1].download(), second)
        assert not np.array_equal(second, self.eager(gpu))

    def test_two_streams(self, gpu: Gpu) -> None:
        expected = self.eager(gpu)
        arrays = [self.on_gpu(gpu) for _ in range(2)]
        with gpu.stream() as first, gpu.stream() as second:
            for _ in range(20):
                for (motions, warps), stream in zip(arrays, (first, second), strict=True):
                    self.queue(gpu, motions, warps, stream)
            for _, warps in arrays:
                assert np.array_equal(warps[-1].download(), expected)

    def test_objects_that_are_streams(self, gpu: Gpu) -> None:
        from cuda.core import Device

        stream = Device(0).create_stream()
        motions, warps = self.on_gpu(gpu)
        self.queue(gpu, motions, warps, stream)
        assert np.array_equal(warps[-1].download(), self.eager(gpu))

    def test_addresses(self, gpu: Gpu) -> None:
        """`Array` describes memory that belongs to no library."""
        shape = (1, 3, 8, 8)
        source, grid, sampled = stored(random(*shape)), stored(random(1, 8, 8, 2, seed=1)), unwritten(shape)
        twins = [gpu.put(memory) for memory in (source, grid, sampled)]
        arrays = [Array(twin.address, twin.memory.array.shape, twin.memory.array.dtype) for twin in twins]
        grid_sample(gpu.kernels, *arrays, align_corners=True)
        found = np.array(twins[2].download())
        grid_sample(gpu.host, source.array, grid.array, sampled.array, align_corners=True)
        assert_twins(found, sampled.array, SAMPLED)

    def test_the_threads_context_stays(self, gpu: Gpu) -> None:
        """Launches work in a thread without a context, and leave it without one."""
        from concurrent.futures import ThreadPoolExecutor

        motions, warps = self.on_gpu(gpu)

        def launch() -> int:
            self.queue(gpu, motions, warps, None)
            return int(gpu.driver.cuCtxGetCurrent()[1])

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(launch).result() == 0
        assert np.array_equal(warps[-1].download(), self.eager(gpu))
