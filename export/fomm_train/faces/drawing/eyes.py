"""Eyes: lids, lashes, white, iris, pupil and catch light, painted over the shaded skin."""

from __future__ import annotations

import torch
from torch import Tensor

from fomm_train.faces.anatomy import Eye, brow_height, brow_x, eye, lid_curves
from fomm_train.faces.drawing.canvas import blend, cover, ramp
from fomm_train.faces.drawing.shading import GLOSSY as WET
from fomm_train.faces.drawing.shading import Light, column, shade
from fomm_train.faces.drawing.skin import Patch
from fomm_train.faces.identity import Identity
from fomm_train.faces.performance import Pose


def bulge(patch: Patch, identity: Identity, parts: Eye, albedo: Tensor, normal: Tensor, open_air: Tensor) -> None:
    """Shapes the lids over the eyeball: bends the normals, darkens the socket, tints the lid. In place."""
    x, y = (patch.x - parts.x) * parts.side, patch.y - parts.y
    ball = 1.12 * parts.half_width
    radius = torch.sqrt(x * x + (1.15 * y).square())
    weight = ramp(radius, 1.2 * ball, 0.75 * ball) * patch.front
    nx = patch.x - parts.x
    turned = patch.to_camera(nx / ball, y / ball, torch.full_like(y, 0.55))
    turned *= torch.rsqrt(turned.square().sum(0))
    blend(normal, turned, 0.6 * weight)
    normal *= torch.rsqrt(normal.square().sum(0) + 1e-9)
    socket = ramp((radius - 1.02 * ball).abs(), 0.32 * ball, 0.0) * ramp(y, 0.8 * ball, -0.5 * ball)
    open_air *= 1 - 0.26 * socket * patch.front
    upper, _ = lid_curves(parts, x / parts.half_width)
    lid = ramp(radius, 1.1 * ball, 0.8 * ball) * ramp(y - upper, 0.03, -0.03)
    tint = column(identity.shadow_colour, str(albedo.device))
    blend(albedo, tint, identity.shadow_strength * lid * patch.front)


def paint(patch: Patch, identity: Identity, pose: Pose, parts: Eye, light: Light, colour: Tensor) -> None:
    """Paints one eye over the shaded (3, h, w) colour, in place."""
    device = str(colour.device)
    side, pixel = parts.side, patch.pixel
    x, y = (patch.x - parts.x) * side, patch.y - parts.y
    a = x / parts.half_width
    upper, lower = lid_curves(parts, a)
    opening = (parts.upper + parts.lower) * (1 - parts.blink)
    within = torch.minimum(y - upper, lower - y)
    rim = (1 - a.abs()) * parts.half_width
    mask = cover(torch.minimum(within, rim * 0.8), pixel) * patch.front * min(1.0, opening / (1.5 * pixel + 0.01))

    white = _eyeball(patch, identity, pose, parts, light, x, y, upper)
    blend(colour, white, mask)

    # Waterline, crease, lashes: dark strokes along the lid curves.
    span = ramp(a.abs(), 1.06, 0.86) * patch.front
    lower_line = ramp((y - lower - 0.006).abs(), 0.020, 0.0) * span * 0.45
    colour *= 1 - lower_line * (1 - 0.5 * parts.blink)
    crease_y = upper - (0.060 - 0.025 * parts.blink)
    crease = ramp((y - crease_y).abs(), 0.022, 0.0) * ramp(a.abs(), 1.1, 0.6) * patch.front
    colour *= 1 - 0.40 * crease * (1 - 0.5 * parts.blink)
    lash = identity.lash
    taper = (0.62 + 0.38 * a.clamp(-1, 1)) * ramp(a.abs(), 1.12, 0.9)
    thickness = (0.013 + 0.020 * lash) * taper
    band = cover(thickness - (y - upper + 0.35 * thickness).abs(), pixel, 0.004)
    wing_y = y - (upper + 0.004) + 0.75 * (a - 0.86).clamp_min(0) * parts.half_width
    wing_taper = (0.016 + 0.012 * lash) * ramp(a, 1.0 + 0.26 * lash, 0.8)
    wing = cover(wing_taper - wing_y.abs(), pixel, 0.004) * ramp(a, 0.6, 0.8) * min(1.0, 1.6 * lash)
    strokes = torch.maximum(band * ramp(a.abs(), 1.06, 0.98), wing) * patch.front * 0.94
    if lash > 0.35:
        strokes = torch.maximum(strokes, _lashes(a, y - upper, parts, lash, pixel) * patch.front)
    ink = column((0.20, 0.13, 0.12), device)
    blend(colour, ink, strokes)


def _lashes(a: Tensor, above: Tensor, parts: Eye, lash: float, pixel: float) -> Tensor:
    """Single lashes fanning outwards from the upper margin; they hang from the margin when the eye closes."""
    length = 0.075 * lash
    down = 2 * parts.blink - 1
    beyond = above * down
    reach = beyond.clamp(0, 1)
    lean = a - reach * 2.2 * (0.35 + a.clamp_min(0))
    comb = torch.cos(lean * 21.0).abs()
    thin = 1 - reach / (length * ramp(lean, -0.1, 0.9) + 1e-4)
    stroke = ((comb - 0.86) * parts.half_width * 0.45).clamp_max(0.006) * thin
    return (
        cover(stroke - 0.003, pixel, 0.004)
        * ramp(thin, 0.0, 0.3)
        * ramp(lean, 0.98, 0.9)
        * ramp(lean, 0.0, 0.25)
        * ramp(beyond, -0.01, 0.0)
        * abs(down)
        * 0.8
    )


def _eyeball(
    patch: Patch, identity: Identity, pose: Pose, parts: Eye, light: Light, x: Tensor, y: Tensor, upper: Tensor
) -> Tensor:
    """(3, h, w): the eyeball's own colour."""
    device = str(x.device)
    animal = identity.species != "human"
    ball = 1.25 * parts.half_width
    nx, ny = (patch.x - parts.x) / ball, y / ball
    nz = torch.sqrt((1 - nx * nx - ny * ny).clamp_min(0.08))
    normal = patch.to_camera(nx, ny, nz)
    normal *= torch.rsqrt(normal.square().sum(0))
    gaze_x, gaze_y = 0.062 * pose.gaze_x, 0.042 * pose.gaze_y
    radius = identity.iris_size * (1.18 if animal else 1.0)
    dx, dy = (patch.x - parts.x - gaze_x - 0.012 * -parts.side) / radius, (y - gaze_y + 0.012) / radius
    r = torch.sqrt(dx * dx + dy * dy)
    albedo = column((0.97, 0.965, 0.96), device).expand(3, *x.shape).clone()
    corner = ramp(x.abs() / parts.half_width, 0.65, 1.05)
    albedo[1:] *= 1 - 0.22 * corner
    iris = column(identity.iris_colour, device)
    angle = torch.atan2(dy, dx)
    fibres = 1 + 0.16 * torch.sin(angle * 17 + 3 * torch.sin(angle * 5)) * ramp(r, 0.35, 0.7)
    glow = 0.62 + 0.95 * ramp(dy + 0.25 * dx, -0.7, 0.9)
    limb = 1 - 0.72 * ramp(r, 0.74, 1.0)
    disc = iris * (fibres * glow * limb * 1.35)
    soft = patch.pixel / radius
    blend(albedo, disc, cover(1 - r, soft, 0.08))
    if identity.pupil == "slit":
        pupil = cover(0.55 - torch.sqrt((2.1 * dx).square() + (0.72 * dy).square()), soft, 0.10)
    else:
        pupil = cover((0.50 if not animal else 0.6) - r, soft, 0.10)
    albedo *= 1 - 0.94 * pupil
    lid_shadow = 0.50 + 0.50 * ramp(y - upper, -0.01, 0.105)
    shaded = shade(albedo, normal, light, WET._replace(shine=0.05, rim=0.0), lid_shadow) * 1.12
    key = 1.0 if light.key[0] > 0 else -1.0
    gleam = cover(0.27 - torch.sqrt((dx - 0.36 * key).square() + (dy + 0.40).square()), soft, 0.08)
    small = cover(0.13 - torch.sqrt((dx + 0.34 * key).square() + (dy - 0.42).square()), soft, 0.10) * 0.55
    shine = torch.maximum(gleam * 0.97, small)
    blend(shaded, torch.full_like(shaded, 1.25), shine)
    return shaded


def paint_brow(patch: Patch, identity: Identity, pose: Pose, parts: Eye, light: Light, colour: Tensor) -> None:
    """Paints one brow over the shaded colour, in place."""
    side = parts.side
    half = 1.12 * parts.half_width
    x = (patch.x - brow_x(identity, side)) * side
    a = x / half
    angle = identity.brow_angle - 0.03 * pose.brow
    middle = brow_height(identity, pose) + identity.brow_arch * ((a - 0.15).square() - 0.0225) - angle * a
    taper = torch.sqrt(1 - a.clamp(-1, 1).square() + 1e-6) * (1 - 0.45 * ramp(a, -0.3, 1.0))
    hairs = 1 + 0.07 * torch.sin(a * 46 + (patch.y - middle) * 60)
    thickness = identity.brow_thickness * taper
    stroke = cover(thickness * hairs - (patch.y - middle).abs(), patch.pixel, 0.012) * (a.abs() < 1)
    stroke = stroke * patch.front * (0.9 if identity.species == "human" else 0.22)
    lit = light.key_colour * 0.45 + light.sky * 0.8 + 0.1
    brow = column(identity.brow_colour, str(colour.device)) * lit
    blend(colour, brow, stroke)


def eye_pair(identity: Identity, pose: Pose) -> tuple[Eye, Eye]:
    """Both eyes, the picture's left one first."""
    return eye(identity, pose, -1.0), eye(identity, pose, 1.0)
