"""Paints the torso with its clothes, which follow its own coordinates, and the neck."""

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import TORSO, Canvas, Part, Window, blend, cover, ramp
from fomm_train.faces.drawing.shading import CLOTH, FUR, SKIN, Light, column, shade, tint
from fomm_train.faces.drawing.skin import grain
from fomm_train.faces.drawing.surface import look_at
from fomm_train.faces.head_shape import neck_solid, torso_solid
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed

CORD = (0.95, 0.94, 0.92)


def lay_body(canvas: Canvas, head: View, torso: View, identity: Identity, light: Light) -> None:
    """Lays the torso, then the neck before it; the head casts a soft shadow on both."""
    skin = column(identity.skin, canvas.device)
    sight = look_at(canvas, torso, torso_solid(identity))
    if sight is not None:
        patch = sight.patch()
        fabric, shown, folds = _cloth(patch.x, patch.y, identity, patch.pixel)
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


def _cloth(x: Tensor, y: Tensor, identity: Identity, pixel: float) -> tuple[Tensor, Tensor, Tensor]:
    """Linear colour (3, h, w), share of skin in the neckline (h, w) and open air (h, w) at torso coordinates."""
    i = identity
    ax = x.abs()
    weave = 1 + 0.03 * torch.sin(x * 43) * torch.sin(y * 47)
    colour = column(i.clothes_colour, str(x.device)) * weave
    folds = 1 - 0.10 * torch.sin(x * 7 + 2.5 * torch.sin(y * 3.1 + i.seed % 5)).square() * ramp(y, 1.6, 2.2)
    rim = torch.sqrt((x / 0.98).square() + (y - 1.28).square())
    neckline = 0.42 - rim
    if i.clothes == "v_neck":
        neckline = torch.maximum(neckline, (0.40 - ax - 0.62 * (y - 1.42)) * 0.8)
    if i.clothes == "stripes":
        tint(colour, i.clothes_second, ramp(torch.cos(y * 24), -0.15, 0.15) * 0.95)
    if i.clothes in {"crew", "v_neck", "stripes"}:
        band = cover(0.035 - (neckline + 0.035).abs(), pixel, 0.005)
        tint(colour, mixed(i.clothes_colour, (0.08, 0.08, 0.1), 0.3), band * 0.8)
    elif i.clothes == "collar":
        folds = folds * _collar(colour, x, y, i, pixel)
    elif i.clothes == "hoodie":
        folds = folds * _hood(colour, x, y, rim, i, pixel)
    elif i.clothes == "jacket":
        folds = folds * _jacket(colour, ax, y, i, pixel)
    shown = cover(neckline, pixel, 0.004)
    inset = 1 - 0.40 * ramp(neckline.abs(), 0.05, 0.0)
    return colour, shown, folds * inset


def _whitened(identity: Identity, share: float) -> tuple[float, float, float]:
    return mixed(identity.clothes_second, (1.0, 1.0, 1.0), share)


def _collar(colour: Tensor, x: Tensor, y: Tensor, i: Identity, pixel: float) -> Tensor:
    """Paints a shirt's collar, placket and buttons, in place -> (h, w) open air."""
    ax = x.abs()
    flap = torch.minimum(0.30 - (ax - 0.30).abs() * 1.1 - 0.55 * (y - 1.58).clamp_min(0), 0.40 - (y - 1.48).abs())
    tint(colour, mixed(i.clothes_colour, (1.0, 0.99, 0.97), 0.75), cover(flap - 0.03, pixel, 0.004))
    buttons = cover(0.028 - torch.sqrt(x.square() + (torch.remainder(y - 1.90, 0.3) - 0.15).square()), pixel)
    tint(colour, _whitened(i, 0.4), buttons * ramp(y, 1.78, 1.80))
    placket = ramp(ax, 0.012, 0.004) * ramp(y, 1.74, 1.76)
    return (1 - 0.35 * ramp((flap - 0.02).abs(), 0.03, 0.0)) * (1 - 0.3 * placket)


def _hood(colour: Tensor, x: Tensor, y: Tensor, rim: Tensor, i: Identity, pixel: float) -> Tensor:
    """Paints a hood with two cords, in place -> (h, w) open air."""
    hood = 0.14 - (rim - 0.52).abs()
    tint(colour, mixed(i.clothes_colour, (1.0, 1.0, 1.0), 0.12), cover(hood, pixel, 0.01))
    for side in (-1.0, 1.0):
        sway = x - side * (0.17 + 0.02 * torch.sin(y * 6))
        tint(colour, CORD, cover(0.016 - sway.abs(), pixel, 0.003) * ramp(y, 1.74, 1.78) * ramp(y, 2.22, 2.19))
    return 1 - 0.40 * ramp(hood.abs(), 0.035, 0.0)


def _jacket(colour: Tensor, ax: Tensor, y: Tensor, i: Identity, pixel: float) -> Tensor:
    """Paints an open jacket with lapels, in place -> (h, w) open air."""
    opening = 0.22 + 0.10 * (y - 1.5) - ax
    tint(colour, _whitened(i, 0.45), cover(opening, pixel, 0.005))
    lapel = torch.minimum(ax - 0.20 - 0.10 * (y - 1.5), 0.52 - 0.22 * (y - 1.5) - ax)
    tint(colour, mixed(i.clothes_colour, (0.05, 0.05, 0.07), 0.25), cover(lapel, pixel, 0.005) * ramp(y, 2.5, 2.45))
    return 1 - 0.4 * ramp(lapel.abs(), 0.025, 0.0) * ramp(y, 2.5, 2.4)
