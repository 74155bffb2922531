"""Launches warp.cu: masks -> deformation, and the source's features sampled along it."""

from __future__ import annotations

import ctypes
from typing import Any

from fomm_kernels.arrays import PIECE_BYTES, Arguments, Rows, Tensor, in_pieces
from fomm_kernels.launching import BLOCK_SIZE, Executor, Launch, blocks_for
from fomm_kernels.motion import TRANSFORM

TAPS_BYTES = 48
"""Size of `struct Taps`: four offsets and four weights."""


class _Warp(ctypes.Structure):
    _fields_ = (
        *((name, Tensor) for name in ("mask_logits", "occlusion_logits", "features", "warped")),
        ("sparse_motion", Rows),
        *((name, ctypes.c_void_p) for name in ("deformation", "mask", "occlusion_map")),
        *((name, ctypes.c_int) for name in ("align_corners", "resize_align_corners", "pixels", "in_pieces")),
    )


def warp(
    executor: Executor,
    mask_logits: Any,
    occlusion_logits: Any | None,
    sparse_motion: Any,
    features: Any,
    warped: Any,
    *,
    align_corners: bool,
    resize_align_corners: bool = False,
    deformation: Any = None,
    mask: Any = None,
    occlusion_map: Any = None,
    stream: Any = None,
) -> None:
    """Blends sparse motions into a dense one, samples the features along it and masks them.

    Args:
        executor: Runs the kernel.
        mask_logits: (N, K + 1, h, w) float16 or float32, any layout, like the next three.
        occlusion_logits: (N, 1, h, w), or None in a model without.
        sparse_motion: (N, K, 8) float32, from `motion`.
        features: (N or 1, C, H, W); fastest with channels last, if they take a multiple of 16 bytes.
        warped: (N, C, H, W); written.
        align_corners: Convention of the sampling.
        resize_align_corners: Convention for resizing motion to H×W, if the sizes differ.
        deformation: (N, h, w, 2) float32; written if given.
        mask: (N, K + 1, h, w) float32; written if given.
        occlusion_map: (N, 1, h, w) float32; written if given.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array does not fit.

    Source: Siarohin et al. 2019, eq. 8.
    """
    given = Arguments("warp", executor.on_device)
    logits = given.tensor(mask_logits, "mask_logits", ("N", "K + 1", "h", "w"))
    n, fields, h, w = (getattr(logits, name) for name in ("batch", "channels", "height", "width"))
    occlusion = Tensor()
    if occlusion_logits is not None:
        occlusion = given.tensor(occlusion_logits, "occlusion_logits", (n, 1, h, w))
    target = given.tensor(warped, "warped", (n, "C", "H", "W"), written=True)
    source = given.tensor(features, "features", (n, target.channels, target.height, target.width), shared=n)
    pieces = in_pieces(source, target, half=bool(given.half))
    pixels = pixels_per_block(target, pieces, bool(given.half))
    arguments = _Warp(
        logits,
        occlusion,
        source,
        target,
        given.rows(sparse_motion, "sparse_motion", (n, fields - 1, TRANSFORM)),
        *(
            0 if array is None else given.dense(array, name, shape, written=True)
            for name, array, shape in (
                ("deformation", deformation, (n, h, w, 2)),
                ("mask", mask, (n, fields, h, w)),
                ("occlusion_map", occlusion_map, (n, 1, h, w)),
            )
        ),
        align_corners,
        resize_align_corners,
        pixels,
        pieces,
    )
    blocks = blocks_for(target.height * target.width, pixels)
    executor.launch(Launch("warp", bool(given.half), arguments, (blocks, n), TAPS_BYTES * pixels), stream)


def pixels_per_block(target: Tensor, pieces: bool, half: bool) -> int:
    """Returns 8 to 32 pixels, as many as give each thread two pieces of channels to move."""
    if not pieces:
        return 32
    per_pixel: int = target.channels * (2 if half else 4) // PIECE_BYTES
    return min(32, max(8, 2 * BLOCK_SIZE // per_pixel))
