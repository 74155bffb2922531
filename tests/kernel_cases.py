"""Small launches of every kernel, one for each way through it, for tests of how its threads work together.

As a program, it runs those of one kernel on a host build: `python kernel_cases.py LIBRARY KERNEL RESULTS`. It needs no
torch, so that a process that is watched by a thread sanitizer starts quickly.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_kernels import (
    Executor,
    blended_output,
    frame_input,
    grid_sample,
    keypoint_head,
    motion,
    prediction_output,
    warp,
)
from fomm_kernels.launching import Launch

Case = Callable[[Executor], "list[NDArray[Any]]"]
"""Launches a kernel on tensors of float32; returns what it wrote."""

N, K = 2, 3


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def tensor(channels_last: bool, n: int, c: int, h: int, w: int) -> NDArray[Any]:
    """(n, c, h, w) random numbers."""
    if channels_last:
        return random(n, h, w, c).transpose(0, 3, 1, 2)
    return random(n, c, h, w)


def frame_input_case(
    executor: Executor, last: bool, shown: int, factor: int, quarter_side: int = 5
) -> list[NDArray[Any]]:
    side = quarter_side * factor  # a block makes 4 pixels of the quarter's 5
    pictures = np.random.default_rng(0).integers(0, 256, (N, 23, 21, 3), np.uint8)
    quarter, frame = (tensor(last, N, 3, size, size) for size in (quarter_side, side))
    part, placed = (1, 2, shown, shown), (0, 1, side, side - 2)
    sigma, radius = (factor - 1) / 2, 2 * (factor - 1)
    frame_input(
        executor,
        pictures,
        quarter,
        size=side,
        part=part,
        placed=placed,
        sigma=sigma,
        radius=radius,
        frame=frame,
    )
    return [quarter, frame]


def keypoint_head_case(executor: Executor, last: bool, maps: int) -> list[NDArray[Any]]:
    keypoints = random(N, K, 6)
    logits, jacobians = tensor(last, N, K, 17, 19), tensor(last, N, maps, 17, 19) if maps else None
    keypoint_head(executor, logits, jacobians, keypoints, temperature=0.1)
    return [keypoints]


def motion_case(executor: Executor, last: bool) -> list[NDArray[Any]]:
    hourglass_input, sparse_motion = tensor(last, N, 4 * (K + 1), 9, 10), random(N, K, 8)
    quarter = tensor(last, 1, 3, 9, 10)
    rows = random(N, K, 6), random(1, K, 6), random(N, K, 7)
    motion(executor, *rows, quarter, hourglass_input, sparse_motion, align_corners=True, variance=0.01)
    return [hourglass_input, sparse_motion]


def warp_case(executor: Executor, last: bool, c: int, finer: int, corners: bool) -> list[NDArray[Any]]:
    h, w = 5, 7
    warped = tensor(last, N, c, finer * h, finer * w)
    inputs = tensor(last, N, K + 1, h, w), tensor(last, N, 1, h, w), random(N, K, 8)
    features = tensor(last, 1, c, finer * h, finer * w)
    deformation, mask, occlusion_map = random(N, h, w, 2), random(N, K + 1, h, w), random(N, 1, h, w)
    warp(
        executor,
        *inputs,
        features,
        warped,
        align_corners=False,
        resize_align_corners=corners,
        deformation=deformation,
        mask=mask,
        occlusion_map=occlusion_map,
    )
    return [warped, deformation, mask, occlusion_map]


def grid_sample_case(executor: Executor, last: bool, c: int) -> list[NDArray[Any]]:
    out = tensor(last, N, c, 7, 6)
    grid_sample(executor, tensor(last, N, c, 5, 8), random(N, 7, 6, 2), out, align_corners=True)
    return [out]


def prediction_output_case(executor: Executor, last: bool) -> list[NDArray[Any]]:
    pictures = np.zeros((N, 11, 10, 3), np.uint8)
    prediction_output(executor, tensor(last, N, 3, 11, 10), pictures)
    return [pictures]


def blended_output_case(executor: Executor, last: bool) -> list[NDArray[Any]]:
    pictures, mask = np.zeros((N, 19, 17, 3), np.uint8), random(N, 1, 19, 17)
    inputs = tensor(last, N, 4, 19, 17), tensor(last, 1, 3, 19, 17), random(N, 5, 4, 2)
    blended_output(executor, *inputs, pictures, blend_mask=mask)
    return [pictures, mask]


LAST = (False, True)
CASES: dict[str, list[Case]] = {
    # growing and shrinking; a quarter, and the frame itself
    "frame_input": [
        partial(frame_input_case, last=last, shown=shown, factor=factor)
        for last, shown, factor in product(LAST, (5, 18), (1, 4))
    ]
    # a window in several strips
    + [partial(frame_input_case, last=False, shown=18, factor=24, quarter_side=1)],
    "keypoint_head": [partial(keypoint_head_case, last=last, maps=maps) for last, maps in product(LAST, (0, 4, 4 * K))],
    "motion": [partial(motion_case, last=last) for last in LAST],
    # channels in pieces, and not; features like the motion, and finer
    "warp": [
        partial(warp_case, last=last, c=c, finer=finer, corners=corners)
        for last, c, (finer, corners) in product(LAST, (8, 5), ((1, False), (2, False), (2, True)))
    ],
    "grid_sample": [partial(grid_sample_case, last=last, c=c) for last, c in product(LAST, (8, 5))],
    "prediction_output": [partial(prediction_output_case, last=last) for last in LAST],
    "blended_output": [partial(blended_output_case, last=last) for last in LAST],
}
"""Kernel -> its cases."""


class Library:
    """Executor on a host build of one kernel."""

    on_device = False

    def __init__(self, path: str) -> None:
        self.library = ctypes.CDLL(path)

    def launch(self, launch: Launch, stream: Any = None) -> None:
        del stream
        function = getattr(self.library, launch.kernel)
        function(ctypes.byref(launch.arguments), *launch.blocks, launch.shared_bytes)


def results(executor: Executor, kernel: str) -> list[NDArray[Any]]:
    """What a kernel writes in all of its cases."""
    return [written for case in CASES[kernel] for written in case(executor)]


if __name__ == "__main__":
    library, name, path = sys.argv[1:]
    np.savez(path, *results(Library(library), name))
