"""Launches frame_input.cu: a picture of any size -> the networks' input."""

from __future__ import annotations

import ctypes
import math
from typing import Any

from fomm_kernels.arrays import LARGEST_INT, Arguments, Tensor
from fomm_kernels.errors import ArrayError
from fomm_kernels.launching import LARGEST_SHARED_BYTES, Executor, Launch, blocks_for

TILES = (4, 2, 1)
"""Sides of the square of the quarter that a block computes, best first."""
SMALLEST_STRIP = 8
"""If fewer rows of a window than this fit at a time, a smaller square is better."""


class _FrameInput(ctypes.Structure):
    _fields_ = (
        ("pictures", ctypes.c_void_p),
        *((name, ctypes.c_longlong) for name in ("batch_stride", "row_stride")),
        *((name, ctypes.c_int) for name in ("part_x", "part_y", "part_width", "part_height")),
        *((name, ctypes.c_int) for name in ("left", "top", "width", "height")),
        *((name, ctypes.c_int) for name in ("size", "factor", "radius", "tile", "strip")),
        ("sigma", ctypes.c_float),
        ("frame", Tensor),
        ("quarter", Tensor),
    )


def frame_input(
    executor: Executor,
    pictures: Any,
    quarter: Any,
    *,
    size: int,
    part: tuple[int, int, int, int],
    placed: tuple[int, int, int, int],
    sigma: float,
    radius: int,
    frame: Any = None,
    stream: Any = None,
) -> None:
    """Resizes pictures to the networks' frame, and the frame to its anti-aliased quarter.

    Args:
        executor: Runs the kernel.
        pictures: (N, H, W, 3) uint8 RGB; rows may be padded.
        quarter: (N, 3, s, s) float16 or float32, any layout; written. s must divide `size`.
        size: Side S of the frame.
        part: (x, y, width, height) of the region of the pictures to use.
        placed: (left, top, width, height) of the resized region within the frame; its edges are extended around it.
        sigma: Standard deviation of the blur in pixels of the frame; not read if radius is 0.
        radius: Pixels from the centre of the blur to its edge.
        frame: (N, 3, S, S) like quarter, in [0, 1]; written if given.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array, a rectangle or the blur does not fit.
    """
    given = Arguments("frame_input", executor.on_device)
    source = given.pictures(pictures, ("N", "H", "W", 3))
    n, rows, columns, _ = source.shape
    quarter_tensor = given.tensor(quarter, "quarter", (n, 3, "s", "s"), written=True)
    side = quarter_tensor.width
    if quarter_tensor.height != side or size < side or size % side:
        raise ArrayError(
            f"frame_input: expected a square quarter whose side divides {size}; got "
            f"{quarter_tensor.height}×{quarter_tensor.width}"
        )
    _check_rectangle("part", part, columns, rows)
    _check_rectangle("placed", placed, size, size)
    if max(part[2] * placed[2], part[3] * placed[3]) > LARGEST_INT:
        raise ArrayError(
            "frame_input: expected a part whose width and height times those it is resized to are at most "
            f"{LARGEST_INT}; got {part[2]}×{part[3]}, resized to {placed[2]}×{placed[3]}. Look at a smaller part"
        )
    if radius < 0 or (radius and not 0 < sigma < math.inf):
        raise ArrayError(f"frame_input: expected a radius from 0 and a positive sigma; got {radius} and {sigma}")
    factor = size // side
    tile, strip = _tiling(size, factor, radius)
    arguments = _FrameInput(
        source.address,
        *source.strides[:2],
        *part,
        *placed,
        size,
        factor,
        radius,
        tile,
        strip,
        sigma,
        Tensor() if frame is None else given.tensor(frame, "frame", (n, 3, size, size), written=True),
        quarter_tensor,
    )
    blocks = blocks_for(side, tile) ** 2
    shared_bytes = _blur_bytes(factor, radius, tile) + strip * _line_bytes(factor, radius, tile)
    executor.launch(Launch("frame_input", bool(given.half), arguments, (blocks, n), shared_bytes), stream)


def _tiling(size: int, factor: int, radius: int) -> tuple[int, int]:
    """Returns the side of a block's square, and the rows of its window that fit into shared memory at a time."""
    for tile in TILES:
        room = LARGEST_SHARED_BYTES - _blur_bytes(factor, radius, tile)
        strip = min(_window(factor, radius, tile), room // _line_bytes(factor, radius, tile))
        if strip >= min(SMALLEST_STRIP, _window(factor, radius, tile)):
            return tile, strip
    raise ArrayError(
        f"frame_input: a frame of {size} pixels is {factor} times its quarter, and so wide a blur does not fit into "
        "shared memory. Export the model for smaller frames (--size), or run it on ONNX Runtime"
    )


def _window(factor: int, radius: int, tile: int) -> int:
    return radius + factor * (tile - 1) + 1 + max(radius, factor - 1)


def _blur_bytes(factor: int, radius: int, tile: int) -> int:
    return 4 * (2 * radius + 1) + 4 * 3 * tile * _window(factor, radius, tile)


def _line_bytes(factor: int, radius: int, tile: int) -> int:
    return 3 * _window(factor, radius, tile)


def _check_rectangle(name: str, rectangle: tuple[int, int, int, int], width: int, height: int) -> None:
    x, y, w, h = rectangle
    if w < 1 or h < 1 or x < 0 or y < 0 or x + w > width or y + h > height:
        raise ArrayError(
            f"frame_input: expected {name} (x, y, width, height) within {width}×{height} pixels; got {rectangle}"
        )
