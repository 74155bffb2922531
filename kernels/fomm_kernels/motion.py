"""Launches motion.cu: keypoints -> the input of the dense-motion network."""

from __future__ import annotations

import ctypes
from typing import Any

from fomm_kernels.arrays import Arguments, Rows, Tensor
from fomm_kernels.keypoint_head import KEYPOINT
from fomm_kernels.launching import BLOCK_SIZE, Executor, Launch, blocks_for

TRANSFER = 7
"""Floats per keypoint of a transfer: scale, offset x, y, and the matrix xx, xy, yx, yy."""
TRANSFORM = 8
"""Floats per keypoint of sparse motion: A xx, xy, yx, yy, then d x, y and s x, y."""


class _Motion(ctypes.Structure):
    _fields_ = (
        *((name, Rows) for name in ("driving", "source", "transfer", "sparse_motion")),
        ("quarter", Tensor),
        ("hourglass_input", Tensor),
        ("align_corners", ctypes.c_int),
        ("variance", ctypes.c_float),
    )


def motion(
    executor: Executor,
    driving: Any,
    source: Any,
    transfer: Any,
    quarter: Any,
    hourglass_input: Any,
    sparse_motion: Any,
    *,
    align_corners: bool,
    variance: float,
    stream: Any = None,
) -> None:
    """Transfers motion to the source, and computes heatmaps and deformed sources for the hourglass.

    Args:
        executor: Runs the kernel.
        driving: (N, K, 6) float32 keypoints of the driving frames.
        source: (N or 1, K, 6) float32 keypoints of the source.
        transfer: (N or 1, K, 7) float32; 1, 0, 0 and the identity for absolute motion.
        quarter: (N or 1, 3, h, w) float16 or float32, the source's anti-aliased quarter.
        hourglass_input: (N, 4 · (K + 1), h, w) like quarter; written.
        sparse_motion: (N, K, 8) float32; written, for `warp`.
        align_corners: Convention of the sampling.
        variance: Of the Gaussian around each keypoint, in grid units.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array does not fit.

    Source: Siarohin et al. 2019, sections 3.2 and 3.3.
    """
    given = Arguments("motion", executor.on_device)
    driving_rows = given.rows(driving, "driving", ("N", "K", KEYPOINT))
    n, k = driving_rows.batch, driving_rows.rows
    target = given.tensor(hourglass_input, "hourglass_input", (n, 4 * (k + 1), "h", "w"), written=True)
    arguments = _Motion(
        driving_rows,
        given.rows(source, "source", (n, k, KEYPOINT), shared=n),
        given.rows(transfer, "transfer", (n, k, TRANSFER), shared=n),
        given.rows(sparse_motion, "sparse_motion", (n, k, TRANSFORM), written=True),
        given.tensor(quarter, "quarter", (n, 3, target.height, target.width), shared=n),
        target,
        align_corners,
        variance,
    )
    blocks = blocks_for((k + 1) * target.height * target.width, BLOCK_SIZE)
    executor.launch(Launch("motion", bool(given.half), arguments, (blocks, n), 4 * TRANSFORM * k), stream)
