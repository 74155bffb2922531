"""From a traced surface to the head's own coordinates."""

from __future__ import annotations

from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import Window, ramp
from fomm_train.faces.drawing.skin import Patch


def patch_of(view: View, window: Window, depth: Tensor) -> Patch:
    """Local coordinates of the surface at (h, w) depth behind a window."""
    r = tuple(tuple(float(value) for value in row) for row in view.rotation)
    x, y, z = view.points(window.u, window.v, depth)
    return Patch(x, y, z, ramp(z, 0.0, 0.2), r, window.pixel)
