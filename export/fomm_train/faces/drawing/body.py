"""Paints the torso with its clothes, and the neck."""

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import TORSO, Canvas, Part, Window, blend, ramp
from fomm_train.faces.drawing.clothes import cloth
from fomm_train.faces.drawing.shading import CLOTH, FUR, SKIN, Light, column, shade
from fomm_train.faces.drawing.skin import grain
from fomm_train.faces.drawing.surface import look_at
from fomm_train.faces.head_shape import neck_solid, torso_solid
from fomm_train.faces.identity import Identity


def lay_body(canvas: Canvas, head: View, torso: View, identity: Identity, light: Light) -> None:
    """Lays the torso, then the neck before it; the head casts a soft shadow on both."""
    skin = column(identity.skin, canvas.device)
    sight = look_at(canvas, torso, torso_solid(identity))
    if sight is not None:
        patch = sight.patch()
        fabric, shown, folds = cloth(patch.x, patch.y, identity, patch.pixel)
        blend(fabric, skin, shown)
        open_air = folds * _shadow_of_head(head, torso, light, sight.window)
        colour = shade(fabric, sight.surface.normal, light, CLOTH, open_air)
        canvas.lay(sight.window, colour, sight.coverage(0.004), part=Part(TORSO, torso, sight.surface.depth))
    sight = look_at(canvas, torso._replace(rotation=np.eye(3)), neck_solid(identity, head, torso))
    if sight is not None:
        patch = sight.patch()
        material = SKIN if identity.species == "human" else FUR
        shadow = _shadow_of_head(head, torso, light, sight.window)
        colour = shade(skin * (1 + 0.02 * grain(patch, 3)), sight.surface.normal, light, material, shadow)
        # The neck ends at the neckline, where the painted skin of the torso takes over.
        coverage = sight.coverage(0.004) * ramp(patch.y, 1.62, 1.44)
        canvas.lay(sight.window, colour, coverage, part=Part(TORSO, torso, sight.surface.depth))


def _shadow_of_head(head: View, torso: View, light: Light, window: Window) -> Tensor:
    """(h, w): the light that the head leaves below the chin."""
    chin_u = (head.x - torso.x) / torso.unit + float(head.rotation[0, 2]) * 0.35 - 0.30 * light.key[0]
    chin_v = (head.y - torso.y) / torso.unit + float(head.rotation[1, 1]) * 0.85 + float(head.rotation[1, 2]) * 0.3
    du, dv = window.u[None, :] - chin_u, window.v[:, None] - chin_v
    away = (du / 0.62).square() + ((dv - 0.10) / 0.44).square()
    return 1 - 0.62 * torch.exp(-away * away)
