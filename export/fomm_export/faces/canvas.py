"""The canvas: a linear picture with a depth, on which bodies are laid one after the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fomm_export.faces.camera import View, pixel_positions

FAR = -9.0


class Window(NamedTuple):
    """A rectangle of the canvas in a body's head units.

    Attributes:
        rows: Slice of the canvas rows.
        columns: Slice of its columns.
        u: (w,) horizontal positions from the body's origin.
        v: (h,) vertical ones.
        pixel: Size of a pixel, head units.
    """

    rows: slice
    columns: slice
    u: Tensor
    v: Tensor
    pixel: float


class Canvas:
    """Linear colour (3, S, S) and depth (S, S) under construction.

    Args:
        colour: The background.
        size: Picture size.
        supersample: Samples along the side of a pixel.
        device: Where to compute.
    """

    def __init__(self, colour: Tensor, size: int, supersample: int, device: str) -> None:
        self.colour = colour
        self.device = device
        self.positions = pixel_positions(size, supersample, device)
        self.depth = torch.full(colour.shape[1:], FAR, device=device)
        self.samples = size * supersample
        self.step = 2.0 / (size - 1) / supersample

    def window(self, view: View, rectangle: tuple[float, float, float, float], margin: float = 0.03) -> Window | None:
        """The window that holds (u0, v0, u1, v1), or None when that lies outside the picture."""
        u0, v0, u1, v1 = rectangle
        first_x, last_x = self._span(view.x + view.unit * (u0 - margin), view.x + view.unit * (u1 + margin))
        first_y, last_y = self._span(view.y + view.unit * (v0 - margin), view.y + view.unit * (v1 + margin))
        if last_x - first_x < 1 or last_y - first_y < 1:
            return None
        rows, columns = slice(first_y, last_y), slice(first_x, last_x)
        u = (self.positions[columns] - view.x) / view.unit
        v = (self.positions[rows] - view.y) / view.unit
        return Window(rows, columns, u, v, self.step / view.unit)

    def _span(self, low: float, high: float) -> tuple[int, int]:
        middle = 0.5 * (self.samples - 1)
        first = int((low / self.step) + middle)
        last = int((high / self.step) + middle) + 2
        return max(0, first), min(self.samples, last)

    def lay(self, window: Window, colour: Tensor, coverage: Tensor, depth: Tensor | None = None) -> None:
        """Lays (3, h, w) or (3, 1, 1) colour by (h, w) coverage; with a depth, only where nothing is nearer."""
        if depth is not None:
            below = self.depth[window.rows, window.columns]
            coverage = coverage * ((depth - below) * 40 + 0.5).clamp_(0, 1)
            below.copy_(torch.where(coverage > 0.5, torch.maximum(depth, below), below))
        self.colour[:, window.rows, window.columns].lerp_(
            colour.expand(3, *coverage.shape) if colour.shape[1] == 1 else colour, coverage[None].expand(3, -1, -1)
        )


def cover(distance: Tensor, pixel: float, soft: float = 0.0) -> Tensor:
    """Coverage of a pixel by signed distance to an edge (positive inside), `soft` head units wider than a pixel."""
    return distance.mul(1.0 / (pixel + soft)).add_(0.5).clamp_(0, 1)


def ramp(value: Tensor, low: float, high: float) -> Tensor:
    """Smooth step of `value` from 0 at low to 1 at high (low may be the greater)."""
    scale = 1.0 / (high - low)
    t = value.mul(scale).add_(-low * scale).clamp_(0, 1)
    return t.mul(-2).add_(3).mul_(t).mul_(t)
