"""Paints lids, lashes, white, iris, pupil, catch light and brows over the shaded skin."""

import torch
from torch import Tensor

from fomm_train.faces.anatomy import Eye, brow_height, brow_x, lid_curves
from fomm_train.faces.drawing.canvas import blend, cover, ramp
from fomm_train.faces.drawing.shading import GLOSSY, Light, column, shade, tint
from fomm_train.faces.drawing.surface import Patch
from fomm_train.faces.identity import Identity
from fomm_train.faces.pose import Pose
from fomm_train.faces.solids import normalize_

WET = GLOSSY._replace(shine=0.05, rim=0.0)
WHITE = (0.97, 0.965, 0.96)
INK = (0.20, 0.13, 0.12)


def shape_lids(patch: Patch, identity: Identity, eye: Eye, albedo: Tensor, normal: Tensor, open_air: Tensor) -> None:
    """Shapes the lids over the eyeball: bends the normals, darkens the socket and tints the lid, in place."""
    nx, y = patch.x - eye.x, patch.y - eye.y
    x = nx * eye.side
    ball = 1.12 * eye.half_width
    radius = torch.sqrt(x * x + (1.15 * y).square())
    weight = ramp(radius, 1.2 * ball, 0.75 * ball) * patch.front
    turned = normalize_(patch.to_camera(nx / ball, y / ball, torch.full_like(y, 0.55)))
    blend(normal, turned, 0.6 * weight)
    normalize_(normal, 1e-9)
    socket = ramp((radius - 1.02 * ball).abs(), 0.32 * ball, 0.0) * ramp(y, 0.8 * ball, -0.5 * ball)
    open_air *= 1 - 0.26 * socket * patch.front
    upper, _ = lid_curves(eye, x / eye.half_width)
    lid = ramp(radius, 1.1 * ball, 0.8 * ball) * ramp(y - upper, 0.03, -0.03)
    tint(albedo, identity.shadow_colour, identity.shadow_strength * lid * patch.front)


def paint(patch: Patch, identity: Identity, pose: Pose, eye: Eye, light: Light, colour: Tensor) -> None:
    """Paints one eye over the shaded (3, h, w) colour, in place."""
    pixel = patch.pixel
    x, y = (patch.x - eye.x) * eye.side, patch.y - eye.y
    a = x / eye.half_width
    upper, lower = lid_curves(eye, a)
    opening = (eye.upper + eye.lower) * (1 - eye.blink)
    within = torch.minimum(y - upper, lower - y)
    rim = (1 - a.abs()) * eye.half_width
    mask = cover(torch.minimum(within, rim * 0.8), pixel) * patch.front * min(1.0, opening / (1.5 * pixel + 0.01))
    blend(colour, _eyeball(patch, identity, pose, eye, light, upper), mask)

    # Waterline and crease: dark strokes along the lid curves.
    span = ramp(a.abs(), 1.06, 0.86) * patch.front
    lower_line = ramp((y - lower - 0.006).abs(), 0.020, 0.0) * span * 0.45
    colour *= 1 - lower_line * (1 - 0.5 * eye.blink)
    crease_y = upper - (0.060 - 0.025 * eye.blink)
    crease = ramp((y - crease_y).abs(), 0.022, 0.0) * ramp(a.abs(), 1.1, 0.6) * patch.front
    colour *= 1 - 0.40 * crease * (1 - 0.5 * eye.blink)
    tint(colour, INK, _upper_line(a, y - upper, y - (upper + 0.004), eye, identity.lash, patch))


def _upper_line(a: Tensor, above: Tensor, above_wing: Tensor, eye: Eye, lash: float, patch: Patch) -> Tensor:
    """(h, w): the dark band of the upper margin with its wing, and single lashes where they are long."""
    pixel = patch.pixel
    taper = (0.62 + 0.38 * a.clamp(-1, 1)) * ramp(a.abs(), 1.12, 0.9)
    thickness = (0.013 + 0.020 * lash) * taper
    band = cover(thickness - (above + 0.35 * thickness).abs(), pixel, 0.004)
    wing_y = above_wing + 0.75 * (a - 0.86).clamp_min(0) * eye.half_width
    wing_taper = (0.016 + 0.012 * lash) * ramp(a, 1.0 + 0.26 * lash, 0.8)
    wing = cover(wing_taper - wing_y.abs(), pixel, 0.004) * ramp(a, 0.6, 0.8) * min(1.0, 1.6 * lash)
    strokes = torch.maximum(band * ramp(a.abs(), 1.06, 0.98), wing) * patch.front * 0.94
    if lash > 0.35:
        strokes = torch.maximum(strokes, _lashes(a, above, eye, lash, pixel) * patch.front)
    return strokes


def _lashes(a: Tensor, above: Tensor, eye: Eye, lash: float, pixel: float) -> Tensor:
    """(h, w): single lashes fanning outwards from the upper margin; they hang from it when the eye closes."""
    length = 0.075 * lash
    down = 2 * eye.blink - 1
    beyond = above * down
    reach = beyond.clamp(0, 1)
    lean = a - reach * 2.2 * (0.35 + a.clamp_min(0))
    comb = torch.cos(lean * 21.0).abs()
    thin = 1 - reach / (length * ramp(lean, -0.1, 0.9) + 1e-4)
    stroke = cover(((comb - 0.86) * eye.half_width * 0.45).clamp_max(0.006) * thin - 0.003, pixel, 0.004)
    ends = ramp(thin, 0.0, 0.3)
    return stroke * ends * ramp(lean, 0.98, 0.9) * ramp(lean, 0.0, 0.25) * ramp(beyond, -0.01, 0.0) * abs(down) * 0.8


def _eyeball(patch: Patch, identity: Identity, pose: Pose, eye: Eye, light: Light, upper: Tensor) -> Tensor:
    """(3, h, w): the eyeball's colour under the upper lid's shadow."""
    animal = identity.species != "human"
    across, y = patch.x - eye.x, patch.y - eye.y
    ball = 1.25 * eye.half_width
    nx, ny = across / ball, y / ball
    normal = normalize_(patch.to_camera(nx, ny, torch.sqrt((1 - nx * nx - ny * ny).clamp_min(0.08))))
    gaze_x, gaze_y = 0.062 * pose.gaze_x, 0.042 * pose.gaze_y
    radius = identity.iris_size * (1.18 if animal else 1.0)
    dx, dy = (across - gaze_x - 0.012 * -eye.side) / radius, (y - gaze_y + 0.012) / radius
    r = torch.sqrt(dx * dx + dy * dy)
    soft = patch.pixel / radius

    albedo = column(WHITE, str(y.device)).expand(3, *y.shape).clone()
    albedo[1:] *= 1 - 0.22 * ramp((across * eye.side).abs() / eye.half_width, 0.65, 1.05)
    angle = torch.atan2(dy, dx)
    fibres = 1 + 0.16 * torch.sin(angle * 17 + 3 * torch.sin(angle * 5)) * ramp(r, 0.35, 0.7)
    glow = 0.62 + 0.95 * ramp(dy + 0.25 * dx, -0.7, 0.9)
    limb = 1 - 0.72 * ramp(r, 0.74, 1.0)
    iris = column(identity.iris_colour, str(y.device)) * (fibres * glow * limb * 1.35)
    blend(albedo, iris, cover(1 - r, soft, 0.08))
    if identity.pupil == "slit":
        inside_pupil = 0.55 - torch.sqrt((2.1 * dx).square() + (0.72 * dy).square())
    else:
        inside_pupil = (0.6 if animal else 0.50) - r
    albedo *= 1 - 0.94 * cover(inside_pupil, soft, 0.10)
    lid_shadow = 0.50 + 0.50 * ramp(y - upper, -0.01, 0.105)
    shaded = shade(albedo, normal, light, WET, lid_shadow) * 1.12
    key = 1.0 if light.key[0] > 0 else -1.0
    gleam = cover(0.27 - torch.sqrt((dx - 0.36 * key).square() + (dy + 0.40).square()), soft, 0.08)
    small = cover(0.13 - torch.sqrt((dx + 0.34 * key).square() + (dy - 0.42).square()), soft, 0.10) * 0.55
    blend(shaded, torch.full_like(shaded, 1.25), torch.maximum(gleam * 0.97, small))
    return shaded


def paint_brow(patch: Patch, identity: Identity, pose: Pose, eye: Eye, light: Light, colour: Tensor) -> None:
    """Paints one brow over the shaded (3, h, w) colour, in place."""
    a = (patch.x - brow_x(identity, eye.side)) * eye.side / (1.12 * eye.half_width)
    angle = identity.brow_angle - 0.03 * pose.brow
    middle = brow_height(identity, pose) + identity.brow_arch * ((a - 0.15).square() - 0.0225) - angle * a
    taper = torch.sqrt(1 - a.clamp(-1, 1).square() + 1e-6) * (1 - 0.45 * ramp(a, -0.3, 1.0))
    hairs = 1 + 0.07 * torch.sin(a * 46 + (patch.y - middle) * 60)
    inside = identity.brow_thickness * taper * hairs - (patch.y - middle).abs()
    stroke = cover(inside, patch.pixel, 0.012) * (a.abs() < 1)
    stroke = stroke * patch.front * (0.9 if identity.species == "human" else 0.22)
    lit = light.key_colour * 0.45 + light.sky * 0.8 + 0.1
    blend(colour, column(identity.brow_colour, str(colour.device)) * lit, stroke)
