"""Clothes: necklines, collars and patterns painted on the torso by its own coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from fomm_train.faces.drawing.canvas import blend, cover, ramp
from fomm_train.faces.drawing.shading import column
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed


def cloth(x: Tensor, y: Tensor, identity: Identity, pixel: float) -> tuple[Tensor, Tensor, Tensor]:
    """Paints the torso.

    Args:
        x: (h, w) torso coordinates.
        y: The same, downwards.
        identity: Whose clothes.
        pixel: Size of a pixel, head units.

    Returns:
        Linear colour (3, h, w); how much skin shows through the neckline (h, w); open air (h, w).
    """
    i, device = identity, str(x.device)
    ax = x.abs()
    weave = 1 + 0.03 * torch.sin(x * 43) * torch.sin(y * 47)
    colour = column(i.clothes_colour, device) * weave
    folds = 1 - 0.10 * torch.sin(x * 7 + 2.5 * torch.sin(y * 3.1 + i.seed % 5)).square() * ramp(y, 1.6, 2.2)

    def toward(tone: tuple[float, float, float], share: Tensor) -> None:
        blend(colour, column(tone, device), share)

    rim = torch.sqrt((x / 0.98).square() + (y - 1.28).square())
    neckline = 0.42 - rim
    if i.clothes == "v_neck":
        neckline = torch.maximum(neckline, (0.40 - ax - 0.62 * (y - 1.42)) * 0.8)
    if i.clothes == "stripes":
        toward(i.clothes_second, ramp(torch.cos(y * 24), -0.15, 0.15) * 0.95)
    if i.clothes in {"crew", "v_neck", "stripes"}:
        band = cover(0.035 - (neckline + 0.035).abs(), pixel, 0.005)
        toward(mixed(i.clothes_colour, (0.08, 0.08, 0.1), 0.3), band * 0.8)
    if i.clothes == "collar":
        flap = torch.minimum(0.30 - (ax - 0.30).abs() * 1.1 - 0.55 * (y - 1.58).clamp_min(0), 0.40 - (y - 1.48).abs())
        toward(mixed(i.clothes_colour, (1.0, 0.99, 0.97), 0.75), cover(flap - 0.03, pixel, 0.004))
        folds = folds * (1 - 0.35 * ramp((flap - 0.02).abs(), 0.03, 0.0))
        placket = ramp(ax, 0.012, 0.004) * ramp(y, 1.74, 1.76)
        buttons = cover(0.028 - torch.sqrt(x.square() + (torch.remainder(y - 1.90, 0.3) - 0.15).square()), pixel)
        folds = folds * (1 - 0.3 * placket)
        toward(mixed(i.clothes_second, (1.0, 1.0, 1.0), 0.4), buttons * ramp(y, 1.78, 1.80))
    if i.clothes == "hoodie":
        hood = 0.14 - (rim - 0.52).abs()
        folds = folds * (1 - 0.40 * ramp((hood).abs(), 0.035, 0.0))
        toward(mixed(i.clothes_colour, (1.0, 1.0, 1.0), 0.12), cover(hood, pixel, 0.01))
        for side in (-1.0, 1.0):
            sway = x - side * (0.17 + 0.02 * torch.sin(y * 6))
            cord = cover(0.016 - sway.abs(), pixel, 0.003) * ramp(y, 1.74, 1.78) * ramp(y, 2.22, 2.19)
            toward((0.95, 0.94, 0.92), cord)
    if i.clothes == "jacket":
        opening = 0.22 + 0.10 * (y - 1.5) - ax
        toward(mixed(i.clothes_second, (1.0, 1.0, 1.0), 0.45), cover(opening, pixel, 0.005))
        lapel = torch.minimum(ax - 0.20 - 0.10 * (y - 1.5), 0.52 - 0.22 * (y - 1.5) - ax)
        toward(mixed(i.clothes_colour, (0.05, 0.05, 0.07), 0.25), cover(lapel, pixel, 0.005) * ramp(y, 2.5, 2.45))
        folds = folds * (1 - 0.4 * ramp(lapel.abs(), 0.025, 0.0) * ramp(y, 2.5, 2.4))
    shown = cover(neckline, pixel, 0.004)
    inset = 1 - 0.40 * ramp(neckline.abs(), 0.05, 0.0)
    return colour, shown, folds * inset
