"""Skin and fur: the head's own colours, attached to the head by its local coordinates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fomm_train.faces.anatomy import Mouth, lip_curves
from fomm_train.faces.drawing.canvas import blend, ramp
from fomm_train.faces.drawing.shading import column
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed


class Patch(NamedTuple):
    """A rectangle of the head's surface.

    Attributes:
        x: (h, w) head coordinates of the surface.
        y: The same, downwards.
        z: The same, to the front.
        front: (h, w) 1 on the face, 0 on the back half of the skull.
        rotation: Rows of the head's rotation, to camera.
        pixel: Size of a pixel, head units.
    """

    x: Tensor
    y: Tensor
    z: Tensor
    front: Tensor
    rotation: tuple[tuple[float, ...], ...]
    pixel: float

    def to_camera(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """(3, h, w): vectors of head coordinates, turned as the head is."""
        return torch.stack([row[0] * x + row[1] * y + row[2] * z for row in self.rotation])

    def cut(self, rows: slice, columns: slice) -> Patch:
        """A smaller rectangle of the same surface."""
        x, y, z, front = (t[rows, columns] for t in (self.x, self.y, self.z, self.front))
        return Patch(x, y, z, front, self.rotation, self.pixel)


def blob(patch: Patch, x: float, y: float, wide: float, high: float) -> Tensor:
    """A soft round spot on the face."""
    return torch.exp(-((patch.x - x) / wide).square() - ((patch.y - y) / high).square())


def grain(patch: Patch, seed: int) -> Tensor:
    """Smooth noise of the local coordinates, about -1 to 1."""
    p = seed % 97
    first = torch.sin(patch.x * 23 + 1.7 * p) * torch.sin(patch.y * 19 + 0.9 * p + 2 * patch.x)
    return first + 0.6 * torch.sin(patch.y * 37 - patch.x * 29 + patch.z * 17 + p)


def albedo_of(patch: Patch, identity: Identity, parts: Mouth) -> Tensor:
    """(3, h, w): linear colour of skin or fur before light."""
    i, device = identity, str(patch.x.device)
    albedo = column(i.skin, device) * (1 + 0.020 * grain(patch, i.seed))
    if i.species != "human":
        return _fur(albedo, patch, i)

    def toward(colour: tuple[float, float, float], share: Tensor) -> None:
        blend(albedo, column(colour, device), share)

    flush = mixed(i.skin, (0.86, 0.22, 0.22), 0.45)
    cheeks = blob(patch, -0.40, 0.36, 0.20, 0.15) + blob(patch, 0.40, 0.36, 0.20, 0.15)
    nose = blob(patch, 0.0, i.nose_length, 0.13, 0.10)
    toward(flush, (i.blush * (cheeks + 0.5 * nose) * 0.75 * patch.front).clamp_(0, 1))
    if i.freckles > 0:
        dots = torch.sin(patch.x * 61 + 7 * torch.sin(patch.y * 13 + i.seed % 7)) * torch.sin(
            patch.y * 67 + 3 * patch.x
        )
        spread = blob(patch, 0, 0.30, 0.48, 0.14)
        toward(mixed(i.skin, (0.48, 0.24, 0.12), 0.6), ramp(dots, 0.55, 0.95) * spread * i.freckles * patch.front)
    if i.beard != "none":
        toward(mixed(i.hair_colour, i.skin, 0.10), _beard(patch, i, parts))
    return albedo


def _beard(patch: Patch, i: Identity, parts: Mouth) -> Tensor:
    """(h, w): how much beard covers the skin."""
    y = patch.y - parts.y
    a = patch.x / parts.half_width
    edges = lip_curves(parts, a)
    strands = 0.90 + 0.10 * torch.sin(patch.x * 70 + 5 * torch.sin(patch.y * 23))
    lip_side = ramp(a.abs(), 1.55, 1.0)
    moustache = ramp(y - edges.upper_outer, 0.008, -0.016) * ramp(y + 0.16 - 0.09 * a.square(), -0.05, 0.03) * lip_side
    below = ramp(y - edges.lower_outer, 0.02, 0.05)
    chin = below * ramp(patch.x.abs(), 0.30, 0.20)
    ring = ramp(a.abs(), 1.02, 1.16) * ramp(a.abs(), 1.60, 1.36) * ramp(y, -0.10, 0.0)
    jawline = 0.34 + 0.62 * (1 - (patch.x.abs() / (i.jaw_width + 0.1)).clamp(0, 1).square())
    full = ramp(patch.y - 0.86 * jawline, -0.03, 0.07)
    lips = ramp(torch.minimum(y - edges.upper_outer, edges.lower_outer - y), 0.0, -0.012)
    lips = torch.maximum(lips, ramp(a.abs(), 1.0, 1.1))
    front = ramp(patch.z, -0.15, 0.1)
    if i.beard == "moustache":
        return moustache * strands * front * 0.95
    if i.beard == "goatee":
        return torch.maximum(torch.maximum(moustache, chin), ring) * strands * lips * front * 0.93
    everywhere = torch.maximum(torch.maximum(full, moustache), ring) * lips
    if i.beard == "stubble":
        return everywhere * 0.30 * front * (0.85 + 0.3 * torch.sin(patch.x * 83) * torch.sin(patch.y * 79))
    return everywhere * strands * front * 0.96


def _fur(albedo: Tensor, patch: Patch, i: Identity) -> Tensor:
    """Markings of the species."""
    device = str(albedo.device)
    flow = patch.x * (1 + 0.6 * patch.y) + 0.05 * torch.sin(patch.y * 9 + patch.x * 5)
    tufts = torch.sin(flow * 71 + 2 * torch.sin(patch.y * 17 + 3 * flow)) * (
        0.6 + 0.4 * torch.sin(patch.y * 26 + 9 * flow)
    )
    albedo *= 1 + 0.045 * tufts

    def toward(colour: tuple[float, float, float], share: Tensor) -> None:
        blend(albedo, column(colour, device), share.clamp(0, 1))

    wobble = 0.03 * tufts
    muzzle = ramp((patch.x / 0.42).square() + ((patch.y - 0.62) / 0.34).square() + 4 * wobble, 1.15, 0.7)
    dark = mixed(i.skin, (0.12, 0.08, 0.07), 0.55)
    if i.species == "panda":
        for side in (-1.0, 1.0):
            x, y = (patch.x - side * (i.eye_spacing + 0.03)) * side, patch.y - i.eye_y - 0.05
            tilted_x, tilted_y = 0.82 * x - 0.57 * y, 0.57 * x + 0.82 * y
            spot = (tilted_x / 0.29).square() + (tilted_y / 0.37).square() + 3 * wobble
            toward(i.marking, ramp(spot, 1.1, 0.85) * patch.front)
        return albedo
    if i.species == "fox":
        swoop = patch.y - 0.30 + 0.55 * (patch.x.abs() - 0.30).clamp_min(0) + wobble
        bridge = ramp(patch.x.abs(), 0.10, 0.20)
        toward(
            i.marking, ramp(swoop, 0.0, 0.07) * torch.maximum(bridge, ramp(patch.y, 0.4, 0.5)) * ramp(patch.z, -0.3, 0)
        )
        return albedo
    if i.pattern == "tabby":
        bands = torch.sin(patch.x.abs() * 21 + 1.2 * torch.sin(patch.y * 6)) * ramp(patch.y, -0.25, -0.5)
        cheek = torch.sin(patch.y * 24 + patch.x.abs() * 6) * ramp(patch.x.abs(), 0.52, 0.68) * ramp(patch.y, 0.0, 0.2)
        toward(dark, 0.75 * ramp(torch.maximum(bands, cheek), 0.25, 0.7))
    if i.pattern == "patch":
        side = 1.0 if i.parting > 0 else -1.0
        spot = ((patch.x - side * 0.36) / 0.34).square() + ((patch.y + 0.02) / 0.42).square()
        toward(dark, ramp(spot + 3 * wobble, 1.1, 0.85) * patch.front)
    if i.pattern == "bib":
        toward(i.marking, ramp(patch.x.abs() - 0.12 - 0.10 * patch.y + wobble, 0.03, -0.03) * ramp(patch.z, 0, 0.2))
    toward(i.marking, muzzle * ramp(patch.z, 0.2, 0.4) * 0.92)
    flush = blob(patch, -0.46, 0.38, 0.16, 0.12) + blob(patch, 0.46, 0.38, 0.16, 0.12)
    toward(i.inner_ear, 0.5 * i.blush * flush * patch.front)
    return albedo
