"""Lays the head: ears, skull and face with their features, then the hair before them."""

from __future__ import annotations

import torch
from torch import Tensor

from fomm_train.faces import anatomy, head_shape
from fomm_train.faces.camera import View
from fomm_train.faces.drawing import eyes, hair, mouth, skin
from fomm_train.faces.drawing.canvas import HEAD, Canvas, Part, Window, blend, cover, ramp
from fomm_train.faces.drawing.shading import FUR, GLOSSY, SKIN, Light, column, shade
from fomm_train.faces.drawing.skin import Patch, blob
from fomm_train.faces.drawing.solids import Solid, bounds, solid, trace
from fomm_train.faces.drawing.surface import patch_of
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed
from fomm_train.faces.performance import Pose


def lay_ears(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """Ears, behind the face; floppy ones are laid by `lay_hair`."""
    if identity.species == "human" and identity.hair in hair.LOOSE:
        return
    if identity.species == "dog":
        return
    for side in (-1.0, 1.0):
        _lay_ear(canvas, view, identity, side, light)


def _lay_ear(canvas: Canvas, view: View, identity: Identity, side: float, light: Light) -> None:
    body = head_shape.ear_solid(identity, side)
    window = canvas.window(view, bounds(body, view.rotation))
    if window is None:
        return
    surface = trace(body, view.rotation, window.u, window.v)
    device = canvas.device
    human = identity.species == "human"
    tone = {"panda": identity.marking, "dog": mixed(identity.skin, (0.2, 0.12, 0.08), 0.45)}.get(
        identity.species, mixed(identity.skin, (0.8, 0.3, 0.25), 0.12) if human else identity.skin
    )
    albedo = column(tone, device).expand_as(surface.normal).clone()
    inset = ramp(surface.distance, 0.045, 0.075) if human else ramp(surface.distance, 0.05, 0.10)
    if identity.species == "dog":
        inset = inset * 0
    patch = patch_of(view, window, surface.depth)
    inset = inset * ramp(patch.z, -0.2, -0.08)
    inner = mixed(identity.skin, (0.55, 0.2, 0.18), 0.35) if human else identity.inner_ear
    blend(albedo, column(inner, device), 0.8 * inset)
    colour = shade(albedo, surface.normal, light, SKIN if human else FUR, 1 - 0.28 * inset)
    canvas.lay(
        window, colour, cover(surface.distance, window.pixel, 0.003), surface.depth, Part(HEAD, view, surface.depth)
    )
    if human and identity.earrings:
        _lay_earring(canvas, view, identity, side, light)


def _lay_earring(canvas: Canvas, view: View, identity: Identity, side: float, light: Light) -> None:
    body = solid([((side * identity.head_width, 0.36, -0.04), (0.045, 0.045, 0.045))])
    _lay_glossy(canvas, view, body, column((0.95, 0.78, 0.36), canvas.device), light)


def _lay_glossy(canvas: Canvas, view: View, body: Solid, tone: Tensor, light: Light) -> None:
    window = canvas.window(view, bounds(body, view.rotation))
    if window is None:
        return
    surface = trace(body, view.rotation, window.u, window.v)
    colour = shade(tone, surface.normal, light, GLOSSY)
    canvas.lay(
        window, colour, cover(surface.distance, window.pixel, 0.004), surface.depth, Part(HEAD, view, surface.depth)
    )


def lay_head(canvas: Canvas, view: View, identity: Identity, pose: Pose, light: Light) -> None:
    """Skull and face."""
    body = head_shape.head_solid(identity, pose)
    window = canvas.window(view, bounds(body, view.rotation))
    if window is None:
        return
    surface = trace(body, view.rotation, window.u, window.v)
    patch = patch_of(view, window, surface.depth)
    lips = anatomy.mouth(identity, pose)
    albedo = skin.albedo_of(patch, identity, lips)
    normal = surface.normal
    open_air = _open_air(patch, identity)
    pair = eyes.eye_pair(identity, pose)
    boxes = [_eye_box(canvas, view, window, parts) for parts in pair]
    for parts, box in zip(pair, boxes, strict=True):
        if box is not None:
            rows, columns = box
            part = patch.cut(rows, columns)
            eyes.bulge(
                part, identity, parts, albedo[:, rows, columns], normal[:, rows, columns], open_air[rows, columns]
            )
    human = identity.species == "human"
    colour = shade(albedo, normal, light, SKIN if human else FUR, open_air)
    for parts, box in zip(pair, boxes, strict=True):
        if box is not None:
            rows, columns = box
            part = patch.cut(rows, columns)
            eyes.paint(part, identity, pose, parts, light, colour[:, rows, columns])
            eyes.paint_brow(part, identity, pose, parts, light, colour[:, rows, columns])
    wide, y, gap = lips.half_width, lips.y, lips.gap
    box = _box(canvas, view, window, (-1.35 * wide, y - 0.28, 0.45), (1.35 * wide, y + gap + 0.18, 0.95))
    if box is not None:
        rows, columns = box
        part = patch.cut(rows, columns)
        mouth.paint(part, identity, lips, light, normal[:, rows, columns], colour[:, rows, columns])
    soft = 0.003 if human else 0.012
    canvas.lay(
        window, colour, cover(surface.distance, window.pixel, soft), surface.depth, Part(HEAD, view, surface.depth)
    )
    if not human:
        pad = mixed(identity.inner_ear, (0.12, 0.09, 0.10), 0.2 if identity.species in {"cat", "rabbit"} else 0.92)
        _lay_glossy(canvas, view, head_shape.snout_solid(identity), column(pad, canvas.device), light)


def _open_air(patch: Patch, identity: Identity) -> Tensor:
    """(h, w): darkening by what stands around: under the nose, beside it, at the temples, below the hairline."""
    air = 1 - 0.20 * ramp(patch.y, 0.72, 1.05)
    if identity.species == "human":
        n, width = identity.nose_length, identity.nose_width
        air *= 1 - 0.26 * blob(patch, 0, n + 0.115, 0.12, 0.035) * patch.front
        for side in (-1.0, 1.0):
            air *= 1 - 0.60 * blob(patch, side * 0.46 * width, n + 0.068, 0.27 * width, 0.020) * patch.front
            air *= 1 - 0.12 * blob(patch, side * 1.45 * width, n + 0.02, 0.05, 0.09) * patch.front
        if identity.hair != "bald":
            air *= 1 - 0.34 * ramp(hair.cap_mask(patch, identity), -0.16, 0.01)
    return air


Box = tuple[slice, slice]


def _eye_box(canvas: Canvas, view: View, window: Window, parts: anatomy.Eye) -> Box | None:
    wide = 1.55 * parts.half_width
    low = (parts.x - wide, parts.y - 0.50, 0.25)
    return _box(canvas, view, window, low, (parts.x + wide, parts.y + 1.6 * parts.half_width, 0.85))


def _box(
    canvas: Canvas,
    view: View,
    window: Window,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
) -> Box | None:
    """Slices of a window that hold a block of head coordinates; None when the block lies outside."""
    middle = [0.5 * (a + b) for a, b in zip(low, high, strict=True)]
    half = [0.5 * (b - a) for a, b in zip(low, high, strict=True)]
    r = view.rotation
    u, v = (float(sum(r[row][c] * middle[c] for c in range(3))) for row in range(2))
    wide, high_ = (float(sum(abs(r[row][c]) * half[c] for c in range(3))) for row in range(2))
    inner = canvas.window(view, (u - wide, v - high_, u + wide, v + high_))
    if inner is None:
        return None
    rows = slice(max(0, inner.rows.start - window.rows.start), min(len(window.v), inner.rows.stop - window.rows.start))
    columns = slice(
        max(0, inner.columns.start - window.columns.start),
        min(len(window.u), inner.columns.stop - window.columns.start),
    )
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    return rows, columns


def lay_hair(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """The shell of hair, the masses before it, hats and floppy ears."""
    if identity.species == "dog":
        for side in (-1.0, 1.0):
            _lay_ear(canvas, view, identity, side, light)
    _, front = hair.masses(identity)
    shell = hair.shell_solid(identity) if identity.hair != "bald" else None
    present = [body for body in (shell, front) if body is not None]
    if not present:
        return
    extents = [bounds(body, view.rotation) for body in present]
    low_u, low_v = (min(extent[k] for extent in extents) for k in (0, 1))
    high_u, high_v = (max(extent[k] for extent in extents) for k in (2, 3))
    window = canvas.window(view, (low_u, low_v, high_u, high_v))
    if window is None:
        return
    surfaces = [trace(body, view.rotation, window.u, window.v) for body in present]
    depth, normal, distance = surfaces[-1]
    if identity.hair in hair.SWEPT:
        own = patch_of(view, window, depth)
        trimmed = hair.cap_mask(own, identity) + 0.02 + 8 * ((0.42 - own.z).clamp_min(0) + (own.y - 0.25).clamp_min(0))
        distance = torch.minimum(distance, trimmed)
    open_air = 0.80 + 0.20 * ramp(distance, 0.0, 0.10)
    if identity.hair == "curly":
        open_air = 0.55 + 0.45 * ramp(normal[2], 0.2, 0.8)
    if len(present) == 2:
        cap = surfaces[0]
        inside = hair.cap_mask(patch_of(view, window, cap.depth), identity)
        visible = torch.minimum(cap.distance, inside)
        # Locks grow out of the shell: their surfaces flow into each other where both are there.
        nearer = torch.sigmoid((depth - cap.depth) / 0.03)
        lock = (ramp(distance, -0.012, 0.006) + 1e-4) * nearer.clamp(0.01, 0.99)
        shell_share = (ramp(visible, -0.012, 0.006) + 1e-4) * (1 - nearer).clamp(0.01, 0.99)
        share = lock / (lock + shell_share)
        depth = cap.depth + (depth - cap.depth) * share
        normal = cap.normal + (normal - cap.normal) * share
        normal *= torch.rsqrt(normal.square().sum(0) + 1e-9)
        open_air = 0.72 + 0.28 * ramp(inside, 0.0, 0.12) + (open_air - 0.72 - 0.28 * ramp(inside, 0.0, 0.12)) * share
        distance = torch.maximum(visible, distance)
    elif shell is not None:
        inside = hair.cap_mask(patch_of(view, window, depth), identity)
        distance = torch.minimum(distance, inside)
    patch = patch_of(view, window, depth)
    coverage = cover(distance, window.pixel, 0.008)
    if identity.hair == "beanie":
        knit = ramp(-0.33 - patch.y - 0.10 * patch.z, -0.006, 0.006)
        colour = hair.shade_hair(patch, normal, identity, light, 0.7)
        blend(colour, hair.shade_beanie(patch, normal, identity, light), knit)
    else:
        colour = hair.shade_hair(patch, normal, identity, light, open_air)
    canvas.lay(window, colour, coverage, depth, Part(HEAD, view, depth))
