"""Colours skin and fur by the head's own coordinates; the colours move with the head."""

import torch
from torch import Tensor

from fomm_train.faces.anatomy import Mouth, lip_curves
from fomm_train.faces.drawing.canvas import ramp
from fomm_train.faces.drawing.shading import column, tint
from fomm_train.faces.drawing.surface import Patch
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed


def blob(patch: Patch, x: float, y: float, wide: float, high: float) -> Tensor:
    """(h, w): a soft round spot on the face, 1 at its centre."""
    return torch.exp(-((patch.x - x) / wide).square() - ((patch.y - y) / high).square())


def _cheeks(patch: Patch, x: float, y: float, wide: float, high: float) -> Tensor:
    return blob(patch, -x, y, wide, high) + blob(patch, x, y, wide, high)


def grain(patch: Patch, seed: int) -> Tensor:
    """(h, w): smooth noise over the body's coordinates, about -1 to 1."""
    p = seed % 97
    first = torch.sin(patch.x * 23 + 1.7 * p) * torch.sin(patch.y * 19 + 0.9 * p + 2 * patch.x)
    return first + 0.6 * torch.sin(patch.y * 37 - patch.x * 29 + patch.z * 17 + p)


def albedo_of(patch: Patch, identity: Identity, lips: Mouth) -> Tensor:
    """(3, h, w): linear colour of skin or fur before shading."""
    i = identity
    albedo = column(i.skin, str(patch.x.device)) * (1 + 0.020 * grain(patch, i.seed))
    if i.species != "human":
        _mark_fur(albedo, patch, i)
        return albedo
    flush = _cheeks(patch, 0.40, 0.36, 0.20, 0.15) + 0.5 * blob(patch, 0.0, i.nose_length, 0.13, 0.10)
    share = (i.blush * flush * 0.75 * patch.front).clamp_(0, 1)
    tint(albedo, mixed(i.skin, (0.86, 0.22, 0.22), 0.45), share)
    if i.freckles > 0:
        across = torch.sin(patch.x * 61 + 7 * torch.sin(patch.y * 13 + i.seed % 7))
        dots = ramp(across * torch.sin(patch.y * 67 + 3 * patch.x), 0.55, 0.95)
        share = dots * blob(patch, 0, 0.30, 0.48, 0.14) * i.freckles * patch.front
        tint(albedo, mixed(i.skin, (0.48, 0.24, 0.12), 0.6), share)
    if i.beard != "none":
        tint(albedo, mixed(i.hair_colour, i.skin, 0.10), _beard(patch, i, lips))
    return albedo


def _beard(patch: Patch, i: Identity, lips: Mouth) -> Tensor:
    """(h, w): how much of the skin the beard covers."""
    y = patch.y - lips.y
    along = (patch.x / lips.half_width).abs()
    edges = lip_curves(lips, along)
    strands = 0.90 + 0.10 * torch.sin(patch.x * 70 + 5 * torch.sin(patch.y * 23))
    above_lip = ramp(y - edges.upper_outer, 0.008, -0.016)
    moustache = above_lip * ramp(y + 0.16 - 0.09 * along.square(), -0.05, 0.03) * ramp(along, 1.55, 1.0)
    chin = ramp(y - edges.lower_outer, 0.02, 0.05) * ramp(patch.x.abs(), 0.30, 0.20)
    ring = ramp(along, 1.02, 1.16) * ramp(along, 1.60, 1.36) * ramp(y, -0.10, 0.0)
    jawline = 0.34 + 0.62 * (1 - (patch.x.abs() / (i.jaw_width + 0.1)).clamp(0, 1).square())
    full = ramp(patch.y - 0.86 * jawline, -0.03, 0.07)
    off_lips = ramp(torch.minimum(y - edges.upper_outer, edges.lower_outer - y), 0.0, -0.012)
    off_lips = torch.maximum(off_lips, ramp(along, 1.0, 1.1))
    front = ramp(patch.z, -0.15, 0.1)
    if i.beard == "moustache":
        return moustache * strands * front * 0.95
    if i.beard == "goatee":
        return torch.maximum(torch.maximum(moustache, chin), ring) * strands * off_lips * front * 0.93
    everywhere = torch.maximum(torch.maximum(full, moustache), ring) * off_lips
    if i.beard == "stubble":
        return everywhere * 0.30 * front * (0.85 + 0.3 * torch.sin(patch.x * 83) * torch.sin(patch.y * 79))
    return everywhere * strands * front * 0.96


def _mark_fur(albedo: Tensor, patch: Patch, i: Identity) -> None:
    """Paints tufts and the markings of the species, in place."""
    flow = patch.x * (1 + 0.6 * patch.y) + 0.05 * torch.sin(patch.y * 9 + patch.x * 5)
    tufts = torch.sin(flow * 71 + 2 * torch.sin(patch.y * 17 + 3 * flow))
    tufts = tufts * (0.6 + 0.4 * torch.sin(patch.y * 26 + 9 * flow))
    albedo *= 1 + 0.045 * tufts
    wobble = 0.03 * tufts  # frays the edges of markings
    if i.species == "panda":
        for side in (-1.0, 1.0):
            tint(albedo, i.marking, _panda_spot(patch, i, side, wobble) * patch.front)
    elif i.species == "fox":
        swoop = patch.y - 0.30 + 0.55 * (patch.x.abs() - 0.30).clamp_min(0) + wobble
        mask = torch.maximum(ramp(patch.x.abs(), 0.10, 0.20), ramp(patch.y, 0.4, 0.5))
        tint(albedo, i.marking, ramp(swoop, 0.0, 0.07) * mask * ramp(patch.z, -0.3, 0))
    else:
        _mark_pattern(albedo, patch, i, wobble)
        oval = (patch.x / 0.42).square() + ((patch.y - 0.62) / 0.34).square() + 4 * wobble
        tint(albedo, i.marking, ramp(oval, 1.15, 0.7) * ramp(patch.z, 0.2, 0.4) * 0.92)
        flush = 0.5 * i.blush * _cheeks(patch, 0.46, 0.38, 0.16, 0.12) * patch.front
        tint(albedo, i.inner_ear, flush)


def _panda_spot(patch: Patch, i: Identity, side: float, wobble: Tensor) -> Tensor:
    x, y = (patch.x - side * (i.eye_spacing + 0.03)) * side, patch.y - i.eye_y - 0.05
    tilted_x, tilted_y = 0.82 * x - 0.57 * y, 0.57 * x + 0.82 * y
    return ramp((tilted_x / 0.29).square() + (tilted_y / 0.37).square() + 3 * wobble, 1.1, 0.85)


def _mark_pattern(albedo: Tensor, patch: Patch, i: Identity, wobble: Tensor) -> None:
    dark = mixed(i.skin, (0.12, 0.08, 0.07), 0.55)
    ax = patch.x.abs()
    if i.pattern == "tabby":
        bands = torch.sin(ax * 21 + 1.2 * torch.sin(patch.y * 6)) * ramp(patch.y, -0.25, -0.5)
        cheek = torch.sin(patch.y * 24 + ax * 6) * ramp(ax, 0.52, 0.68) * ramp(patch.y, 0.0, 0.2)
        tint(albedo, dark, 0.75 * ramp(torch.maximum(bands, cheek), 0.25, 0.7))
    elif i.pattern == "patch":
        side = 1.0 if i.parting > 0 else -1.0
        spot = ((patch.x - side * 0.36) / 0.34).square() + ((patch.y + 0.02) / 0.42).square()
        tint(albedo, dark, ramp(spot + 3 * wobble, 1.1, 0.85) * patch.front)
    elif i.pattern == "bib":
        tint(albedo, i.marking, ramp(ax - 0.12 - 0.10 * patch.y + wobble, 0.03, -0.03) * ramp(patch.z, 0, 0.2))
