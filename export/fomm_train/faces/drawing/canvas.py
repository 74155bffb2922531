"""The canvas: a linear picture with a depth, on which surfaces are laid one after another."""

from typing import NamedTuple

import torch
from torch import Tensor

from fomm_train.faces.camera import View, pixel_positions

FAR = -9.0
BACKGROUND, HEAD, TORSO = range(3)


class Window(NamedTuple):
    """A rectangle of the canvas in a body's head units."""

    rows: slice  # of the canvas
    columns: slice
    u: Tensor  # (w,), horizontal positions from the body's origin
    v: Tensor  # (h,), vertical positions
    pixel: float  # size of a pixel, head units


class Part(NamedTuple):
    """The surface of a body, for the record."""

    body: int  # HEAD or TORSO
    view: View
    depth: Tensor  # (h, w)


class SurfaceRecord(NamedTuple):
    """The surface that every sample shows."""

    body: Tensor  # (S, S) uint8: BACKGROUND, HEAD or TORSO
    point: Tensor  # (3, S, S) float32: the point on that body, in its own coordinates; 0 in the background


class Canvas:
    """Linear colour (3, S, S), initially the background's, and depth (S, S), on one device; S = size · supersample."""

    def __init__(self, colour: Tensor, size: int, supersample: int, device: str) -> None:
        self.colour = colour
        self.device = device
        self.positions = pixel_positions(size, supersample, device)
        self.depth = torch.full(colour.shape[1:], FAR, device=device)
        self.record: SurfaceRecord | None = None
        self.samples = size * supersample
        self.step = 2.0 / (size - 1) / supersample

    def window(self, view: View, rectangle: tuple[float, float, float, float], margin: float = 0.03) -> Window | None:
        """The window around (u0, v0, u1, v1); None if that lies outside the picture."""
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

    def start_record(self) -> SurfaceRecord:
        """Records from now on which surface every sample shows."""
        body = torch.zeros(self.depth.shape, dtype=torch.uint8, device=self.device)
        self.record = SurfaceRecord(body, torch.zeros(3, *self.depth.shape, device=self.device))
        return self.record

    def lay(
        self, window: Window, colour: Tensor, coverage: Tensor, depth: Tensor | None = None, part: Part | None = None
    ) -> None:
        """Lays a surface of (3, h, w) or (3, 1, 1) linear colour by its (h, w) coverage.

        With a depth (h, w), it is laid only where nothing nearer was laid with a depth. `part` is its entry in the
        record; without it the record keeps the surface behind.
        """
        if depth is not None:
            below = self.depth[window.rows, window.columns]
            coverage = coverage * ((depth - below) * 40 + 0.5).clamp_(0, 1)
            below.copy_(torch.where(coverage > 0.5, torch.maximum(depth, below), below))
        if self.record is not None and part is not None:
            seen = coverage > 0.5
            self.record.body[window.rows, window.columns].masked_fill_(seen, part.body)
            points = torch.stack([p.expand_as(seen) for p in part.view.points(window.u, window.v, part.depth)])
            area = self.record.point[:, window.rows, window.columns]
            area.copy_(torch.where(seen, points, area))
        blend(self.colour[:, window.rows, window.columns], colour, coverage)


def blend(picture: Tensor, colour: Tensor, share: Tensor) -> None:
    """Blends a (3, h, w) picture towards a (3, h, w) or (3, 1, 1) colour by an (h, w) share, in place."""
    picture.lerp_(colour.expand_as(picture), share.expand(picture.shape[1:])[None].expand_as(picture))


def cover(distance: Tensor, pixel: float, soft: float = 0.0) -> Tensor:
    """Coverage of pixels from signed distances to an edge (positive inside); it fades over `pixel + soft`."""
    return distance.mul(1.0 / (pixel + soft)).add_(0.5).clamp_(0, 1)


def ramp(value: Tensor, low: float, high: float) -> Tensor:
    """Smooth step from 0 at `low` to 1 at `high`; `low` may be the larger."""
    scale = 1.0 / (high - low)
    t = value.mul(scale).add_(-low * scale).clamp_(0, 1)
    return t.mul(-2).add_(3).mul_(t).mul_(t)
