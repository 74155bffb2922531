"""Solids as the canvas sees them: their window, their surface and its body coordinates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import HEAD, Canvas, Part, Window, cover, ramp
from fomm_train.faces.solids import Solid, Surface, bounds, trace


class Patch(NamedTuple):
    """A rectangle of a body's surface."""

    x: Tensor  # (h, w), body coordinates of the surface, to the right
    y: Tensor  # (h, w), downwards
    z: Tensor  # (h, w), to the front
    front: Tensor  # (h, w), 1 on the face, 0 on the back half of the skull
    rotation: tuple[tuple[float, ...], ...]  # rows of the rotation from body to camera
    pixel: float  # size of a pixel, head units

    def to_camera(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """(3, h, w): vectors of body coordinates, rotated into camera coordinates."""
        return torch.stack([row[0] * x + row[1] * y + row[2] * z for row in self.rotation])

    def cut(self, rows: slice, columns: slice) -> Patch:
        """A smaller rectangle of the same surface."""
        x, y, z, front = (t[rows, columns] for t in (self.x, self.y, self.z, self.front))
        return Patch(x, y, z, front, self.rotation, self.pixel)


def patch_of(view: View, window: Window, depth: Tensor) -> Patch:
    """The patch at (h, w) depth in a window."""
    rows = tuple(tuple(float(value) for value in row) for row in view.rotation)
    x, y, z = view.points(window.u, window.v, depth)
    return Patch(x, y, z, ramp(z, 0.0, 0.2), rows, window.pixel)


class Sight(NamedTuple):
    """A traced solid in its window of the canvas."""

    view: View
    window: Window
    surface: Surface

    def patch(self) -> Patch:
        """The surface in body coordinates."""
        return patch_of(self.view, self.window, self.surface.depth)

    def coverage(self, soft: float) -> Tensor:
        """(h, w): how much of each pixel the solid covers; its edge is `soft` head units wider than a pixel."""
        return cover(self.surface.distance, self.window.pixel, soft)

    def lay(self, canvas: Canvas, colour: Tensor, soft: float) -> None:
        """Lays the solid on the canvas as a part of the head, in front of what is farther away."""
        depth = self.surface.depth
        canvas.lay(self.window, colour, self.coverage(soft), depth, Part(HEAD, self.view, depth))


def look_at(canvas: Canvas, view: View, body: Solid) -> Sight | None:
    """Traces a solid where the canvas shows it; None outside the picture."""
    window = canvas.window(view, bounds(body, view.rotation))
    return None if window is None else Sight(view, window, trace(body, view.rotation, window.u, window.v))
