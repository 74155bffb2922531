"""Solids made of ellipsoids, traced by parallel rays in closed form."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import Matrix, rotation_matrix

Vector = tuple[float, float, float]
Parts = list[tuple[Vector, Vector] | tuple[Vector, Vector, Vector]]
"""Ellipsoids: (centre, radii) or (centre, radii, (yaw, pitch, roll)), body coordinates."""


class Surface(NamedTuple):
    """The surface that a grid of rays meets."""

    depth: Tensor  # (H, W), towards the viewer, head units
    normal: Tensor  # (3, H, W), unit vectors in camera coordinates
    distance: Tensor  # (H, W), signed distance to the outline in the picture, head units, positive inside


@dataclass(frozen=True)
class Solid:
    """N ellipsoids joined into one body."""

    centres: Matrix  # (N, 3), body coordinates
    forms: Matrix  # (N, 3, 3), the matrices A of (p - c)' A (p - c) = 1
    softness: float  # radius over which depths blend, head units; a negative value intersects the ellipsoids instead
    fillet: float  # radius over which outlines blend, head units


def solid(parts: Parts, softness: float = 0.05, fillet: float = 0.04) -> Solid:
    """Builds a solid from its ellipsoids."""
    centres = np.array([part[0] for part in parts], dtype=np.float64)
    forms = np.empty((len(parts), 3, 3))
    for i, part in enumerate(parts):
        rotation = rotation_matrix(*part[2]) if len(part) == 3 else np.eye(3)
        forms[i] = rotation @ np.diag(1.0 / np.square(part[1])) @ rotation.T
    return Solid(centres, forms, softness, fillet)


def bounds(body: Solid, rotation: Matrix) -> tuple[float, float, float, float]:
    """(u0, v0, u1, v1): the solid's bounding rectangle in the picture, head units from its origin."""
    centres = body.centres @ rotation.T
    covariance = np.linalg.inv(body.forms)
    extent = np.sqrt(np.einsum("ij,njk,ik->ni", rotation, covariance, rotation))
    low, high = (centres - extent)[:, :2], (centres + extent)[:, :2]
    (u0, v0), (u1, v1) = (low.max(0), high.min(0)) if body.softness < 0 else (low.min(0), high.max(0))
    return float(u0), float(v0), float(u1), float(v1)


def normalize_(vectors: Tensor, floor: float = 0.0) -> Tensor:
    """Scales (3, ...) vectors to length 1, in place; `floor` is added to the squared lengths."""
    vectors *= torch.rsqrt(vectors.square().sum(0) + floor)
    return vectors


def trace(body: Solid, rotation: Matrix, u: Tensor, v: Tensor) -> Surface:
    """Intersects a solid, rotated by (3, 3), with rays at (W,) columns u and (H,) rows v, head units from its origin.

    Outside its outline the depth of an ellipsoid continues antisymmetrically and falls steeply, so the smooth union of
    depths is defined and continuous everywhere.
    """
    forms = rotation @ body.forms @ rotation.T
    centres = body.centres @ rotation.T
    g33 = forms[:, 2, 2]
    across = forms[:, :2, 2]
    schur = forms[:, :2, :2] - across[:, :, None] * across[:, None, :] / g33[:, None, None]
    packed = np.stack(
        [
            *(centres[:, 0], centres[:, 1], centres[:, 2], 1 / g33),
            *(-across[:, 0] / g33, -across[:, 1] / g33),
            *(schur[:, 0, 0], schur[:, 0, 1], schur[:, 1, 1]),
            *(forms[:, 0, 0], forms[:, 0, 1], forms[:, 0, 2], forms[:, 1, 1], forms[:, 1, 2]),
        ]
    )
    numbers = torch.from_numpy(packed.astype(np.float32)).to(u.device)[:, :, None, None]
    cu, cv, cz, inverse33, a0, a1, s11, s12, s22, f11, f12, f13, f22, f23 = numbers.unbind(0)
    du = u[None, None, :] - cu  # (N, 1, W)
    dv = v[None, :, None] - cv  # (N, H, 1)
    gu = s11 * du + s12 * dv
    gv = s12 * du + s22 * dv
    inside = 1 - (gu * du + gv * dv)
    distance = inside / (2 * torch.sqrt(gu.square_() + gv.square_() + 1e-4))
    root = torch.copysign(torch.sqrt(inside.abs() * inverse33), inside)
    relative = a0 * du + a1 * dv + root
    depth = relative + cz
    if len(centres) == 1 or body.softness < 0:
        nx = f11 * du + f12 * dv + f13 * relative
        ny = f12 * du + f22 * dv + f23 * relative
        nz = (root / inverse33).clamp_min_(0.0)
        length = torch.rsqrt(nx * nx + ny * ny + nz * nz + 1e-9)
        joined, which = depth.min(dim=0, keepdim=True)
        normals = [torch.gather(n * length, 0, which)[0] for n in (nx, ny, nz)]
        return Surface(joined[0], torch.stack(normals), distance.min(dim=0).values)
    nearest = depth.amax(dim=0, keepdim=True)
    weight = torch.exp_((depth - nearest).mul_(1 / body.softness))
    normal = _blended_normal(body, rotation, weight, relative, root, u, v)
    outward = distance.amax(dim=0, keepdim=True)
    outline = torch.exp_((distance - outward).mul_(1 / body.fillet)).sum(dim=0)
    outline.log_().mul_(body.fillet).add_(outward[0])
    return Surface(nearest[0] + body.softness * torch.log(weight.sum(dim=0)), normal, outline)


def _blended_normal(
    body: Solid, rotation: Matrix, weight: Tensor, relative: Tensor, root: Tensor, u: Tensor, v: Tensor
) -> Tensor:
    """(3, H, W): the weighted mean of the ellipsoids' gradients, each scaled to about 1 by its mean radius.

    The sum over ellipsoids is one small matrix product; `weight`, `relative` and `root` are (N, H, W).
    """
    forms, centres = rotation @ body.forms @ rotation.T, body.centres @ rotation.T
    size = np.linalg.det(body.forms) ** (-1 / 6)
    x_constant = -(forms[:, 0, 0] * centres[:, 0] + forms[:, 0, 1] * centres[:, 1])
    y_constant = -(forms[:, 0, 1] * centres[:, 0] + forms[:, 1, 1] * centres[:, 1])
    by_weight = np.stack([forms[:, 0, 0], forms[:, 0, 1], forms[:, 1, 1], x_constant, y_constant]) * size
    by_depth = np.stack([forms[:, 0, 2], forms[:, 1, 2]]) * size
    flat = weight.reshape(len(centres), -1)

    def summed(factors: Matrix, fields: Tensor) -> Tensor:
        small = torch.from_numpy(factors.astype(np.float32)).to(u.device)
        return (small @ fields).reshape(-1, len(v), len(u))

    xx, xy, yy, x0, y0 = summed(by_weight, flat)
    xz, yz = summed(by_depth, flat * relative.reshape(flat.shape))
    (z0,) = summed((forms[:, 2, 2] * size)[None], flat * root.reshape(flat.shape))
    across, down = u[None, :], v[:, None]
    normal = torch.stack([xx * across + xy * down + x0 + xz, xy * across + yy * down + y0 + yz, z0])
    normal[2].clamp_min_(0)
    return normalize_(normal, 1e-9)
