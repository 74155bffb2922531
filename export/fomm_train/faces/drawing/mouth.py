"""Paints lips, their parting, teeth and tongue over the shaded skin."""

import torch
from torch import Tensor

from fomm_train.faces.anatomy import LipCurves, Mouth, lip_curves
from fomm_train.faces.drawing.canvas import blend, cover, ramp
from fomm_train.faces.drawing.shading import SKIN, Light, column, shade
from fomm_train.faces.drawing.surface import Patch
from fomm_train.faces.identity import Identity
from fomm_train.faces.solids import normalize_

LIPS = SKIN._replace(shine=0.26, gloss=34.0, rim=0.3)
DARK, TONGUE, TEETH = (0.36, 0.12, 0.13), (0.86, 0.42, 0.42), (0.97, 0.95, 0.92)


def paint(patch: Patch, identity: Identity, lips: Mouth, light: Light, normal: Tensor, colour: Tensor) -> None:
    """Paints the mouth over the shaded (3, h, w) colour, in place; `normal` is the skin's."""
    pixel = patch.pixel
    y = patch.y - lips.y
    a = patch.x / lips.half_width
    edges = lip_curves(lips, a)
    ends = cover((1 - a.abs()) * lips.half_width * 0.7, pixel) * patch.front
    animal = identity.species != "human"

    # The fold of the cheek at the corners and the shade below the lower lip, before the lips cover them.
    corner = torch.exp(-((a.abs() - 1.04) / 0.11).square() - ((y - lips.lift) / 0.045).square())
    under = torch.exp(-((y - edges.lower_outer - 0.035) / 0.030).square()) * ramp(a.abs(), 0.85, 0.2)
    colour *= 1 - (0.34 * corner + (0.0 if animal else 0.20) * under) * patch.front

    outer = torch.minimum(y - edges.upper_outer, edges.lower_outer - y)
    tone = column(identity.lip_colour, str(colour.device)) * (1 + 0.06 * torch.sin(a * 31))
    painted = shade(tone, _rolled(normal, lips, edges, y), light, LIPS)
    blend(colour, painted, cover(outer, pixel, 0.004 if animal else 0.006) * ends)

    middle = 0.5 * (edges.upper_inner + edges.lower_inner)
    line = ramp((y - middle).abs(), 0.018, 0.0) * ramp(a.abs(), 1.04, 0.9)
    shut = max(0.0, 1 - lips.gap / 0.03)
    colour *= 1 - 0.72 * shut * line * patch.front
    if lips.gap > 0:
        opening = torch.minimum(y - edges.upper_inner, edges.lower_inner - y)
        mask = cover(opening, pixel) * ends * min(1.0, lips.gap / (1.2 * pixel + 0.008))
        blend(colour, _inside(lips, edges, a, y, pixel, light), mask)
    if animal:
        # The cleft from the nose to the lips.
        cleft = ramp(patch.x.abs(), 0.014, 0.0) * ramp(y, 0.0, -0.02) * ramp(y, -0.26, -0.2) * patch.front
        colour *= 1 - 0.6 * cleft


def _rolled(normal: Tensor, lips: Mouth, edges: LipCurves, y: Tensor) -> Tensor:
    """Normals of lips that roll out: the upper one faces down, the lower one up and then down."""
    upper = ((y - edges.upper_outer) / (lips.lip_upper + 0.01)).clamp(0, 1)
    lower = ((edges.lower_outer - y) / (lips.lip_lower + 0.01)).clamp(0, 1)
    is_upper = y < 0.5 * (edges.upper_inner + edges.lower_inner)
    rolled = normal.clone()
    rolled[1] += torch.where(is_upper, 0.55 * upper - 0.05, 0.45 - 0.95 * lower)
    return normalize_(rolled)


def _inside(lips: Mouth, edges: LipCurves, a: Tensor, y: Tensor, pixel: float, light: Light) -> Tensor:
    """(3, h, w): the dark of the mouth with the upper teeth and the tongue."""
    upper, lower = edges.upper_inner, edges.lower_inner
    lit = light.key_colour * 0.55 + light.sky * 0.7
    dark, tongue, teeth = (column(tone, str(y.device)) * lit for tone in (DARK, TONGUE, TEETH))
    depth = ((y - upper) / (lips.gap + 0.02)).clamp(0, 1)
    inside = dark * (0.35 + 0.65 * depth)
    arch = (1 - a.square()).clamp_min(0)
    tongue_top = lower - (0.34 * lips.gap + 0.012) * (arch * (1 - 0.12 * torch.exp(-(a / 0.14).square())))
    tongue = tongue * (0.75 + 0.35 * ((y - tongue_top) / 0.1).clamp(0, 1))
    blend(inside, tongue, cover(y - tongue_top, pixel, 0.03) * ramp(a.abs(), 0.85, 0.55))
    teeth_edge = upper + (0.022 + 0.17 * lips.gap) * (0.35 + 0.65 * torch.sqrt(arch + 1e-6))
    gaps = 1 - 0.07 * ramp(torch.cos(a * 15.7), 0.86, 1.0)
    teeth = teeth * (gaps * (1.02 - 0.35 * a.square()))
    teeth = teeth * (0.62 + 0.38 * ((y - upper) / 0.035).clamp(0, 1))
    blend(inside, teeth, cover(teeth_edge - y, pixel, 0.004) * ramp(a.abs(), 0.93, 0.8))
    return inside
