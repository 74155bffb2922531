"""Lays what stands behind the head: back hair, neck, torso with its clothes."""

from __future__ import annotations

import torch

from fomm_train.faces import head_shape
from fomm_train.faces.camera import View
from fomm_train.faces.drawing import hair
from fomm_train.faces.drawing.canvas import HEAD, TORSO, Canvas, Part, blend, cover, ramp
from fomm_train.faces.drawing.clothes import cloth
from fomm_train.faces.drawing.shading import CLOTH, FUR, SKIN, Light, column, shade
from fomm_train.faces.drawing.skin import grain
from fomm_train.faces.drawing.solids import bounds, trace
from fomm_train.faces.drawing.surface import patch_of
from fomm_train.faces.identity import Identity


def lay_back_hair(canvas: Canvas, head: View, identity: Identity, light: Light) -> None:
    """Hair behind neck and shoulders."""
    behind, _ = hair.masses(identity)
    if behind is None:
        return
    window = canvas.window(head, bounds(behind, head.rotation))
    if window is None:
        return
    surface = trace(behind, head.rotation, window.u, window.v)
    patch = patch_of(head, window, surface.depth)
    # Nearly no light reaches between neck and hair.
    inner = 1 - 0.60 * ramp(patch.x.abs(), 0.75, 0.25) * ramp(patch.y, 0.2, 0.6)
    colour = hair.shade_hair(patch, surface.normal, identity, light, inner)
    canvas.lay(window, colour, cover(surface.distance, window.pixel, 0.004), part=Part(HEAD, head, surface.depth))


def lay_torso(canvas: Canvas, head: View, torso: View, identity: Identity, light: Light) -> None:
    """Torso, then the neck before it; the head casts a soft shadow on both."""
    material = SKIN if identity.species == "human" else FUR
    chest = head_shape.torso_solid(identity)
    chin_u = (head.x - torso.x) / torso.unit + float(head.rotation[0, 2]) * 0.35 - 0.30 * light.key[0]
    chin_v = (head.y - torso.y) / torso.unit + float(head.rotation[1, 1]) * 0.85 + float(head.rotation[1, 2]) * 0.3
    skin = column(identity.skin, canvas.device)
    for part in ("torso", "neck"):
        if part == "torso":
            body, rotation = chest, torso.rotation
        else:
            body, rotation = head_shape.neck_solid(identity, head, torso)
        window = canvas.window(torso, bounds(body, rotation))
        if window is None:
            continue
        surface = trace(body, rotation, window.u, window.v)
        du, dv = window.u[None, :] - chin_u, window.v[:, None] - chin_v
        away = (du / 0.62).square() + ((dv - 0.10) / 0.44).square()
        shadow = 1 - 0.62 * torch.exp(-away * away)
        coverage = cover(surface.distance, window.pixel, 0.004)
        patch = patch_of(torso._replace(rotation=rotation), window, surface.depth)
        if part == "neck":
            colour = shade(skin * (1 + 0.02 * grain(patch, 3)), surface.normal, light, material, shadow)
            # The neck ends in the neckline, where the painted skin of the torso takes over.
            coverage = coverage * ramp(patch.y, 1.62, 1.44)
        else:
            fabric, shown, folds = cloth(patch.x, patch.y, identity, window.pixel)
            blend(fabric, skin, shown)
            colour = shade(fabric, surface.normal, light, CLOTH, folds * shadow)
        canvas.lay(window, colour, coverage, part=Part(TORSO, torso, surface.depth))
