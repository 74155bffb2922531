"""Launches grid_sample.cu: pictures sampled along a grid."""

from __future__ import annotations

import ctypes
from typing import Any

from fomm_kernels.arrays import Arguments, Tensor, in_pieces
from fomm_kernels.launching import Executor, Launch, blocks_for
from fomm_kernels.warp import TAPS_BYTES, pixels_per_block


class _GridSample(ctypes.Structure):
    _fields_ = (
        ("source", Tensor),
        ("out", Tensor),
        ("grid", ctypes.c_void_p),
        *((name, ctypes.c_int) for name in ("align_corners", "pixels", "in_pieces")),
    )


def grid_sample(
    executor: Executor, source: Any, grid: Any, out: Any, *, align_corners: bool, stream: Any = None
) -> None:
    """Samples pictures bilinearly along a grid, with zeros outside.

    Args:
        executor: Runs the kernel.
        source: (N or 1, C, H, W) float16 or float32, any layout; channels last is fastest.
        grid: (N, h, w, 2) float32, (x, y) in [-1, 1]; NaN and infinity give zeros.
        out: (N, C, h, w) like source; written.
        align_corners: True if -1 and 1 are the centres of the corner pixels, false if they are the picture's edges.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array does not fit.
    """
    given = Arguments("grid_sample", executor.on_device)
    target = given.tensor(out, "out", ("N", "C", "h", "w"), written=True)
    n = target.batch
    from_tensor = given.tensor(source, "source", (n, target.channels, "H", "W"), shared=n)
    positions = given.dense(grid, "grid", (n, target.height, target.width, 2))
    pieces = in_pieces(from_tensor, target, half=bool(given.half))
    pixels = pixels_per_block(target, pieces, bool(given.half))
    arguments = _GridSample(from_tensor, target, positions, align_corners, pixels, pieces)
    blocks = blocks_for(target.height * target.width, pixels)
    executor.launch(Launch("grid_sample", bool(given.half), arguments, (blocks, n), TAPS_BYTES * pixels), stream)
