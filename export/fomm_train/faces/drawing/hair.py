"""Hair: a shell with a hairline, and masses of ellipsoids for volume, locks, curls, spikes, buns and hats."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.drawing.canvas import blend, ramp
from fomm_train.faces.drawing.shading import Light, Material, column, shade
from fomm_train.faces.drawing.skin import Patch
from fomm_train.faces.drawing.solids import Solid, solid
from fomm_train.faces.head_shape import Parts, skull_top
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed

STRANDS = Material((0.45, 0.45, 0.45), 0.0, 10.0, 0.6)


class Hairline(NamedTuple):
    """Heights (Y) where the shell ends: at the forehead, above the ears, at the neck; and its irregularity."""

    front: float
    side: float
    back: float
    slope: float
    jag: float


HAIRLINES = {
    "short": Hairline(-0.50, 0.02, 0.45, 0.05, 0.025),
    "side_part": Hairline(-0.50, 0.06, 0.50, 0.16, 0.02),
    "bob": Hairline(-0.46, 0.34, 0.75, 0.10, 0.02),
    "long": Hairline(-0.50, 0.34, 0.75, 0.06, 0.015),
    "bun": Hairline(-0.52, 0.02, 0.45, 0.03, 0.01),
    "curly": Hairline(-0.50, 0.10, 0.55, 0.0, 0.03),
    "spiky": Hairline(-0.50, 0.00, 0.45, 0.0, 0.045),
    "fringe": Hairline(-0.24, 0.34, 0.75, 0.04, 0.035),
    "beanie": Hairline(-0.42, 0.10, 0.50, 0.0, 0.02),
}
SWEPT = ("short", "side_part", "bob", "long")
LOOSE = ("bob", "long", "fringe")


def shell_solid(identity: Identity) -> Solid:
    """The cap of hair over the cranium."""
    wide, high, deep = skull_top(identity)
    lift = {"short": 0.055, "bun": 0.045, "spiky": 0.05, "beanie": 0.06}.get(identity.hair, 0.075)
    lift *= identity.hair_volume
    return solid([((0, -0.22, -0.10), (wide + lift, high + lift + 0.01, deep + 0.75 * lift))])


def cap_mask(patch: Patch, identity: Identity) -> Tensor:
    """(h, w): signed head units from the hairline, positive on hair. The patch holds the shell's coordinates."""
    line = HAIRLINES[identity.hair]
    around = patch.z * torch.rsqrt(patch.x.square() + patch.z.square() + 1e-4)
    front = ramp(around, 0.30, 0.92)
    back = ramp(around, 0.0, -0.8)
    height = line.side + (line.front - line.side) * front + (line.back - line.side) * back
    height = height + line.slope * identity.parting * patch.x * front
    if line.jag > 0:
        height = height + line.jag * torch.sin(patch.x * 19 + 2 * torch.sin(patch.x * 7 + identity.seed % 7))
    return height - patch.y


@lru_cache(maxsize=1024)
def masses(identity: Identity) -> tuple[Solid | None, Solid | None]:
    """(behind the body, in front): volumes other than the shell; None where the style has none."""
    wide, volume, side_of_part = identity.head_width, identity.hair_volume, -np.sign(identity.parting)
    rng = np.random.default_rng([identity.seed, 5])
    back: Parts = []
    front: Parts = []
    style = identity.hair
    if style in LOOSE:
        long = {"bob": 0.52, "fringe": 0.95, "long": 1.30}[style]
        back.append(((0, 0.10, -0.30), (wide + 0.13 * volume, 0.98, 0.60)))
        for side in (-1.0, 1.0):
            back.append(((side * 0.50, 0.20 + 0.42 * long, -0.34), (0.46 * volume + 0.06, 0.36 + 0.56 * long, 0.40)))
            lock = 0.11 + 0.05 * volume
            tall = 0.72 + 0.20 * long
            front.append(((side * (wide - 0.005), -0.50 + tall, -0.02), (lock, tall, 0.36), (0.0, 0.0, -0.07 * side)))
    if style in SWEPT:
        # A second, larger cap pushed to one side of the parting; the hairline trims it over the face.
        lift = 0.09 * volume
        tilt = (0.0, 0.0, 0.16 * side_of_part)
        front.append(((0.11 * side_of_part, -0.36 - lift, 0.02), (0.94 * wide, 0.62 + 0.4 * lift, 0.80 + lift), tilt))
        front.append(((-0.34 * side_of_part, -0.34 - lift, -0.02), (0.60 * wide, 0.56, 0.78), (0.0, 0.0, -tilt[2])))
    if style == "bun":
        front.append(((0.0, -1.12, -0.18), (0.31 * volume, 0.27 * volume, 0.30)))
        front.append(((0.0, -0.92, -0.10), (0.30, 0.14, 0.30)))
        for side in (-1.0, 1.0):
            front.append(((side * (wide - 0.02), 0.06, 0.20), (0.045, 0.24, 0.06), (0.0, 0.0, 0.06 * side)))
    if style == "curly":
        for index in range(30):
            turn = index * 2.39996
            height = 1 - 1.22 * (index + 0.5) / 30
            ring = float(np.sqrt(1 - height * height))
            x, z = ring * np.sin(turn), ring * np.cos(turn)
            if z > 0.35 and height < 0.36:
                continue
            size = float(rng.uniform(0.24, 0.34)) * (0.75 + 0.25 * volume)
            centre = (float(x * (wide + 0.05)), float(-0.22 - 0.84 * height), float(-0.10 + 0.74 * z))
            front.append((centre, (size, size, size)))
    if style == "spiky":
        for index in range(9):
            lean = (index - 4) / 4
            depth = float(rng.uniform(-0.1, 0.42))
            tall = float(rng.uniform(0.24, 0.36)) * volume
            angle = 0.95 * lean + float(rng.normal(0, 0.1))
            x, y = 0.62 * np.sin(1.2 * lean), -0.22 - 0.74 * np.cos(0.9 * lean)
            front.append(((float(x), float(y), depth), (0.15, tall, 0.16), (0.0, 0.0, angle)))
    if style == "beanie":
        front.append(((0, -0.50, -0.08), (wide + 0.10, 0.70, 0.92)))
        front.append(((0, -1.22, -0.08), (0.17, 0.16, 0.17)))
    soft = 0.02 if style in {"curly", "spiky"} else 0.06
    fillet = 0.015 if style in {"curly", "spiky"} else 0.05
    behind = solid(back, softness=0.06, fillet=0.05) if back else None
    return behind, solid(front, softness=soft, fillet=fillet) if front else None


def shade_hair(patch: Patch, normal: Tensor, identity: Identity, light: Light, open_air: float | Tensor) -> Tensor:
    """(3, h, w): strands with a highlight that runs across them."""
    device = str(normal.device)
    # Strands hang from the crown: across them runs the azimuth, along them the meridian.
    azimuth = torch.atan2(patch.x - 0.18 * identity.parting, patch.z.abs() + 0.25)
    p = identity.seed % 61
    wave = 0.35 * torch.sin(patch.y * 4.5 + p)
    strand = torch.sin(azimuth * 27 + wave * 3 + p) + 0.7 * torch.sin(azimuth * 53 - 2 * wave + 2.3 * p)
    clump = torch.sin(azimuth * 11 + 2 * wave + 1.3 * p)
    albedo = column(identity.hair_colour, device) * (1 + 0.10 * strand + 0.12 * clump)
    rotation = patch.rotation
    axis = (rotation[0][1], rotation[1][1], rotation[2][1])  # the head's down, in camera coordinates
    facing = normal[0] * axis[0] + normal[1] * axis[1] + normal[2] * axis[2]
    half = light.half
    across_light = axis[0] * half[0] + axis[1] * half[1] + axis[2] * half[2]
    normal_half = normal[0] * half[0] + normal[1] * half[1] + normal[2] * half[2]
    tangent_half = (across_light - facing * normal_half) * torch.rsqrt((1 - facing * facing).clamp_min(0.05))
    tangent_half = tangent_half + 0.05 * strand + 0.06 * clump + 0.10
    ring = torch.exp(-tangent_half.square() * 38) * ramp(normal_half, 0.1, 0.8)
    occlusion = torch.full_like(normal_half, open_air) if isinstance(open_air, float) else open_air
    colour = shade(albedo, normal, light, STRANDS, occlusion)
    sheen = column(mixed(identity.hair_colour, (1.0, 0.95, 0.88), 0.45), device)
    return colour.add_(sheen * light.key_colour * (0.42 * ring * occlusion))


def shade_beanie(patch: Patch, normal: Tensor, identity: Identity, light: Light) -> Tensor:
    """(3, h, w): a knitted hat with a turned-up rim and a bobble."""
    device = str(normal.device)
    azimuth = torch.atan2(patch.x, patch.z)
    ribs = 0.88 + 0.12 * torch.cos(azimuth * 40)
    rim = ramp(patch.y + 0.10 * patch.z, -0.46, -0.43)
    bobble = ramp(patch.y, -1.08, -1.14)
    base = column(identity.clothes_second, device).expand(3, *ribs.shape).clone()
    other = column(mixed(identity.clothes_colour, (1.0, 0.98, 0.94), 0.35), device)
    blend(base, other, torch.maximum(rim, bobble))
    crease = 1 - 0.35 * ramp((patch.y + 0.10 * patch.z + 0.455).abs(), 0.05, 0.0)
    return shade(base * ribs, normal, light, STRANDS._replace(rim=0.4), crease)
