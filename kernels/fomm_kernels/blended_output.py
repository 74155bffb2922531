"""Launches blended_output.cu: source and decoded picture, blended by a mask -> uint8 pictures."""

from __future__ import annotations

import ctypes
from typing import Any

from fomm_kernels.arrays import Arguments, Tensor
from fomm_kernels.launching import BLOCK_SIZE, Executor, Launch, blocks_for
from fomm_kernels.warp import TAPS_BYTES


class _BlendedOutput(ctypes.Structure):
    _fields_ = (
        ("decoded", Tensor),
        ("source", Tensor),
        ("deformation", ctypes.c_void_p),
        ("motion_height", ctypes.c_int),
        ("motion_width", ctypes.c_int),
        ("pictures", ctypes.c_void_p),
        ("batch_stride", ctypes.c_longlong),
        ("row_stride", ctypes.c_longlong),
        ("blend_mask", ctypes.c_void_p),
    )


def blended_output(
    executor: Executor,
    decoded: Any,
    source: Any,
    deformation: Any,
    pictures: Any,
    *,
    blend_mask: Any = None,
    stream: Any = None,
) -> None:
    """Samples the source along the deformation, blends it with the decoded picture, and rounds to uint8 pictures.

    Args:
        executor: Runs the kernel.
        decoded: (N, 4, H, W) float16 or float32 in [0, 1], any layout: colours and blend mask.
        source: (N or 1, 3, H, W) like decoded: the source at full size.
        deformation: (N, h, w, 2) float32, from `warp`.
        pictures: (N, H, W, 3) uint8; rows may be padded; written.
        blend_mask: (N, 1, H, W) float32; written if given.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array does not fit.
    """
    given = Arguments("blended_output", executor.on_device)
    tensor = given.tensor(decoded, "decoded", ("N", 4, "H", "W"))
    n, height, width = tensor.batch, tensor.height, tensor.width
    shown = given.tensor(source, "source", (n, 3, height, width), shared=n)
    motion = given.array(deformation, "deformation", (n, "h", "w", 2), "float32")
    target = given.pictures(pictures, (n, height, width, 3), written=True)
    arguments = _BlendedOutput(
        tensor,
        shown,
        given.dense(deformation, "deformation", motion.shape),
        *motion.shape[1:3],
        target.address,
        *target.strides[:2],
        0 if blend_mask is None else given.dense(blend_mask, "blend_mask", (n, 1, height, width), written=True),
    )
    blocks = blocks_for(height * width, BLOCK_SIZE)
    executor.launch(Launch("blended_output", bool(given.half), arguments, (blocks, n), TAPS_BYTES * BLOCK_SIZE), stream)
