"""Shading: wrapped Lambert with a warm terminator, a soft highlight, sky, fill and rim light."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.drawing.canvas import blend
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import Colour, mixed

Direction = tuple[float, float, float]


class Material(NamedTuple):
    """How a surface reflects light."""

    wrap: tuple[float, float, float]  # how far red, green and blue reach past the terminator
    shine: float  # strength of the highlight
    gloss: float  # exponent of the highlight
    rim: float  # strength of the rim light


SKIN = Material((0.58, 0.43, 0.38), 0.11, 22.0, 0.55)
FUR = Material((0.6, 0.52, 0.48), 0.03, 8.0, 0.8)
CLOTH = Material((0.35, 0.35, 0.35), 0.02, 8.0, 0.35)
GLOSSY = Material((0.3, 0.3, 0.3), 0.7, 60.0, 0.3)


class Light(NamedTuple):
    """The lights of a picture: unit directions towards them in camera coordinates; (3, 1, 1) linear colours."""

    key: Direction
    half: Direction
    fill: Direction
    rim: Direction
    key_colour: Tensor
    fill_colour: Tensor
    rim_colour: Tensor
    sky: Tensor
    ground: Tensor


@lru_cache(maxsize=4096)
def column(colour: Colour, device: str) -> Tensor:
    """(3, 1, 1): an sRGB colour in linear light with a gamma of 2; `develop` takes the square root."""
    return torch.tensor([value**2 for value in colour], device=device).reshape(3, 1, 1)


def tint(picture: Tensor, colour: Colour, share: Tensor) -> None:
    """Blends a (3, h, w) linear picture towards an sRGB colour by an (h, w) share, in place."""
    blend(picture, column(colour, str(picture.device)), share)


def _unit(x: float, y: float, z: float) -> Direction:
    length = float(np.sqrt(x * x + y * y + z * z))
    return x / length, y / length, z / length


@lru_cache(maxsize=1024)
def light_of(identity: Identity, device: str) -> Light:
    """The lights of an identity."""
    side = identity.key_azimuth
    key = _unit(side, -identity.key_height, 0.9)
    backdrop = mixed(identity.backdrop[0], identity.backdrop[1], 0.5)

    def scaled(colour: Colour, strength: float) -> Tensor:
        return column(colour, device) * strength

    return Light(
        key=key,
        half=_unit(key[0], key[1], key[2] + 1),
        fill=_unit(-side * 1.6, 0.1, 0.7),
        rim=_unit(-side * 1.2, -0.5, -0.5),
        key_colour=scaled(identity.key_colour, 0.92),
        fill_colour=scaled(mixed(identity.fill_colour, backdrop, 0.3), 0.22),
        rim_colour=scaled(mixed((1.0, 1.0, 1.0), backdrop, 0.35), 0.8 * identity.rim_strength),
        sky=scaled(mixed((0.93, 0.95, 1.0), backdrop, 0.3), 0.40),
        ground=scaled(mixed((0.75, 0.6, 0.52), backdrop, 0.35), 0.24),
    )


def along(normal: Tensor, direction: Direction) -> Tensor:
    """(H, W): the dot product of (3, H, W) normals and a direction."""
    return normal[0] * direction[0] + normal[1] * direction[1] + normal[2] * direction[2]


def shade(albedo: Tensor, normal: Tensor, light: Light, material: Material, open_air: Tensor | None = None) -> Tensor:
    """(3, H, W), linear: the light that a surface of linear (3, H, W) or (3, 1, 1) albedo reflects.

    `open_air` (H, W), 1 where nothing stands around the surface, dims everything except rim light and highlight.
    """
    key = along(normal, light.key)
    received = light.key_colour * torch.stack([(key + w).clamp_min_(0) / (1 + w) for w in material.wrap])
    up = 0.5 - 0.5 * normal[1]
    received += light.ground
    received += (light.sky - light.ground) * up
    received += light.fill_colour * along(normal, light.fill).clamp_min_(0)
    if open_air is not None:
        received *= open_air
    received *= albedo
    edge = (1 - normal[2]).clamp_(0, 1)
    rim = (edge * edge * along(normal, light.rim).clamp_min_(0)).mul_(material.rim)
    received += light.rim_colour * rim
    if material.shine > 0:
        # exp(n (cos - 1)) is close to cos ** n, and cheaper.
        gleam = torch.exp((along(normal, light.half) - 1) * material.gloss) * material.shine
        received += light.key_colour * gleam
    return received


def develop(picture: Tensor) -> Tensor:
    """Converts linear light to sRGB in [0, 1]: a soft shoulder, then the square root that undoes `column`."""
    picture = picture.clamp_min(0)
    squared = picture * picture
    return torch.sqrt(picture * torch.rsqrt(torch.sqrt(1 + squared * squared))).clamp_(0, 1)
