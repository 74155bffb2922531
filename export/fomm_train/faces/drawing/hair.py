"""Paints hair: strands with a highlight on the shell and its masses, and knitted hats."""

import torch
from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import HEAD, Canvas, Part, blend, cover, ramp
from fomm_train.faces.drawing.shading import Light, Material, along, column, shade, tint
from fomm_train.faces.drawing.surface import Patch, look_at, patch_of
from fomm_train.faces.hair_shape import HAIRLINES, SWEPT, masses, shell_solid
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed
from fomm_train.faces.solids import Surface, bounds, normalize_, trace

STRANDS = Material((0.45, 0.45, 0.45), 0.0, 10.0, 0.6)


def lay_back_hair(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """Lays the hair behind neck and shoulders."""
    behind, _ = masses(identity)
    sight = look_at(canvas, view, behind) if behind else None
    if sight is None:
        return
    patch = sight.patch()
    # Nearly no light reaches the space between neck and hair.
    inner = 1 - 0.60 * ramp(patch.x.abs(), 0.75, 0.25) * ramp(patch.y, 0.2, 0.6)
    colour = _strands(patch, sight.surface.normal, identity, light, inner)
    canvas.lay(sight.window, colour, sight.coverage(0.004), part=Part(HEAD, view, sight.surface.depth))


def lay_hair(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """Lays the shell of hair with the masses before it, and hats."""
    _, front = masses(identity)
    if front is None:
        return
    solids = (shell_solid(identity), front)
    (u0, v0, u1, v1), (u2, v2, u3, v3) = (bounds(body, view.rotation) for body in solids)
    window = canvas.window(view, (min(u0, u2), min(v0, v2), max(u1, u3), max(v1, v3)))
    if window is None:
        return
    shell, surface = (trace(body, view.rotation, window.u, window.v) for body in solids)
    if identity.hair in SWEPT:
        patch = patch_of(view, window, surface.depth)
        over_face = (0.42 - patch.z).clamp_min(0) + (patch.y - 0.25).clamp_min(0)
        trimmed = hairline_distance(patch, identity) + 0.02 + 8 * over_face
        surface = surface._replace(distance=torch.minimum(surface.distance, trimmed))
    if identity.hair == "curly":
        open_air = 0.55 + 0.45 * ramp(surface.normal[2], 0.2, 0.8)
    else:
        open_air = 0.80 + 0.20 * ramp(surface.distance, 0.0, 0.10)
    inside = hairline_distance(patch_of(view, window, shell.depth), identity)
    surface, open_air = _grown_together(shell, inside, surface, open_air)
    patch = patch_of(view, window, surface.depth)
    if identity.hair == "beanie":
        colour = _strands(patch, surface.normal, identity, light, torch.full_like(patch.x, 0.7))
        knitted = ramp(-0.33 - patch.y - 0.10 * patch.z, -0.006, 0.006)
        blend(colour, _knitted(patch, surface.normal, identity, light), knitted)
    else:
        colour = _strands(patch, surface.normal, identity, light, open_air)
    depth = surface.depth
    canvas.lay(window, colour, cover(surface.distance, window.pixel, 0.008), depth, Part(HEAD, view, depth))


def _grown_together(shell: Surface, inside: Tensor, masses: Surface, open_air: Tensor) -> tuple[Surface, Tensor]:
    """Lets the masses grow out of the shell: where both are present, their surfaces flow into each other.

    `inside` is the shell's distance from the hairline, `open_air` the masses'. Returns the joint surface and open air.
    """
    visible = torch.minimum(shell.distance, inside)
    nearer = torch.sigmoid((masses.depth - shell.depth) / 0.03)
    lock = (ramp(masses.distance, -0.012, 0.006) + 1e-4) * nearer.clamp(0.01, 0.99)
    cap = (ramp(visible, -0.012, 0.006) + 1e-4) * (1 - nearer).clamp(0.01, 0.99)
    share = lock / (lock + cap)
    depth = shell.depth + (masses.depth - shell.depth) * share
    normal = normalize_(shell.normal + (masses.normal - shell.normal) * share, 1e-9)
    shade_at_line = 0.28 * ramp(inside, 0.0, 0.12)
    open_air = 0.72 + shade_at_line + (open_air - 0.72 - shade_at_line) * share
    return Surface(depth, normal, torch.maximum(visible, masses.distance)), open_air


def hairline_distance(patch: Patch, identity: Identity) -> Tensor:
    """(h, w): signed distance of the shell's surface from the hairline, head units, positive on hair."""
    line = HAIRLINES[identity.hair]
    around = patch.z * torch.rsqrt(patch.x.square() + patch.z.square() + 1e-4)
    front = ramp(around, 0.30, 0.92)
    back = ramp(around, 0.0, -0.8)
    height = line.side + (line.front - line.side) * front + (line.back - line.side) * back
    height = height + line.slope * identity.parting * patch.x * front
    height = height + line.jag * torch.sin(patch.x * 19 + 2 * torch.sin(patch.x * 7 + identity.seed % 7))
    return height - patch.y


def _strands(patch: Patch, normal: Tensor, identity: Identity, light: Light, open_air: Tensor) -> Tensor:
    """(3, h, w): strands with a highlight that runs across them."""
    # Strands hang from the crown: the azimuth runs across them, the meridian along them.
    azimuth = torch.atan2(patch.x - 0.18 * identity.parting, patch.z.abs() + 0.25)
    p = identity.seed % 61
    wave = 0.35 * torch.sin(patch.y * 4.5 + p)
    strand = torch.sin(azimuth * 27 + wave * 3 + p) + 0.7 * torch.sin(azimuth * 53 - 2 * wave + 2.3 * p)
    clump = torch.sin(azimuth * 11 + 2 * wave + 1.3 * p)
    device = str(normal.device)
    albedo = column(identity.hair_colour, device) * (1 + 0.10 * strand + 0.12 * clump)
    _, (x, y, z), _ = zip(*patch.rotation, strict=True)  # the head's down, in camera coordinates
    facing = along(normal, (x, y, z))
    across_light = x * light.half[0] + y * light.half[1] + z * light.half[2]
    normal_half = along(normal, light.half)
    tangent_half = (across_light - facing * normal_half) * torch.rsqrt((1 - facing * facing).clamp_min(0.05))
    tangent_half = tangent_half + 0.05 * strand + 0.06 * clump + 0.10
    ring = torch.exp(-tangent_half.square() * 38) * ramp(normal_half, 0.1, 0.8)
    colour = shade(albedo, normal, light, STRANDS, open_air)
    sheen = column(mixed(identity.hair_colour, (1.0, 0.95, 0.88), 0.45), device)
    return colour.add_(sheen * light.key_colour * (0.42 * ring * open_air))


def _knitted(patch: Patch, normal: Tensor, identity: Identity, light: Light) -> Tensor:
    """(3, h, w): a knitted hat with a turned-up rim and a bobble."""
    ribs = 0.88 + 0.12 * torch.cos(torch.atan2(patch.x, patch.z) * 40)
    height = patch.y + 0.10 * patch.z
    rim = ramp(height, -0.46, -0.43)
    bobble = ramp(patch.y, -1.08, -1.14)
    base = column(identity.clothes_second, str(normal.device)).expand(3, *ribs.shape).clone()
    tint(base, mixed(identity.clothes_colour, (1.0, 0.98, 0.94), 0.35), torch.maximum(rim, bobble))
    crease = 1 - 0.35 * ramp((height + 0.455).abs(), 0.05, 0.0)
    return shade(base * ribs, normal, light, STRANDS._replace(rim=0.4), crease)
