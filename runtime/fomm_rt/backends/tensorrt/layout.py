"""How an engine's tensors lie in memory, by the names of TensorRT's formats."""

from __future__ import annotations

from fomm_rt.errors import BackendError

LINEAR, HWC8, HWC16, HWC = "linear", "hwc8", "hwc16", "hwc"
_MULTIPLES = {HWC8: 8, HWC16: 16, HWC: 1}
"""Channels together; their number is rounded up to a multiple."""


def strides(layout: str, shape: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """Strides in elements of an (N, C, H, W) tensor; None for C order.

    Raises:
        BackendError: This project knows no such format.
    """
    if layout == LINEAR:
        return None
    if layout not in _MULTIPLES:
        raise BackendError(
            f"an engine wants a tensor in the format {layout}; expected {', '.join((LINEAR, *_MULTIPLES))}. Build it "
            "again with this version: fomm-rt build --rebuild"
        )
    _, channels, height, width = shape
    padded = -(-channels // _MULTIPLES[layout]) * _MULTIPLES[layout]
    return height * width * padded, 1, width * padded, padded
