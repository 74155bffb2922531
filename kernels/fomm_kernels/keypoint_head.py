"""Launches keypoint_head.cu: the detector's maps -> keypoints."""

from __future__ import annotations

import ctypes
from typing import Any

from fomm_kernels.arrays import Arguments, Rows, Tensor
from fomm_kernels.errors import ArrayError
from fomm_kernels.launching import BLOCK_SIZE, Executor, Launch

KEYPOINT = 6
"""Floats per keypoint: x, y, and the jacobian xx, xy, yx, yy."""
SUMS = 7


class _KeypointHead(ctypes.Structure):
    _fields_ = (
        ("logits", Tensor),
        ("jacobian_maps", Tensor),
        ("temperature", ctypes.c_float),
        ("keypoints", Rows),
    )


def keypoint_head(
    executor: Executor,
    logits: Any,
    jacobian_maps: Any | None,
    keypoints: Any,
    *,
    temperature: float,
    stream: Any = None,
) -> None:
    """Computes keypoints: a softmax over positions at a temperature, then expectations of position and jacobian.

    Args:
        executor: Runs the kernel.
        logits: (N, K, h, w) float16 or float32, any layout.
        jacobian_maps: (N, 4K, h, w), or (N, 4, h, w) shared by all keypoints, like logits; None in a model without
            jacobians, which then are the identity.
        keypoints: (N, K, 6) float32; written.
        temperature: Temperature of the softmax, above 0.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array does not fit.

    Source: Siarohin et al. 2019, section 3.1.
    """
    if not ctypes.c_float(temperature).value > 0:
        raise ArrayError(f"keypoint_head: expected a temperature above 0; got {temperature}")
    given = Arguments("keypoint_head", executor.on_device)
    logits_tensor = given.tensor(logits, "logits", ("N", "K", "h", "w"))
    n, k, h, w = (getattr(logits_tensor, name) for name in ("batch", "channels", "height", "width"))
    maps = Tensor()
    if jacobian_maps is not None:
        maps = given.tensor(jacobian_maps, "jacobian_maps", (n, "4K or 4", h, w))
        if maps.channels not in (4, 4 * k):
            raise ArrayError(
                f"keypoint_head: expected 4 jacobian maps, or {4 * k} for {k} keypoints; got {maps.channels}"
            )
    rows = given.rows(keypoints, "keypoints", (n, k, KEYPOINT), written=True)
    arguments = _KeypointHead(logits_tensor, maps, temperature, rows)
    executor.launch(Launch("keypoint_head", bool(given.half), arguments, (k, n), 4 * SUMS * BLOCK_SIZE), stream)
