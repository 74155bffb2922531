"""Solids: groups of ellipsoids seen along parallel rays, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import Matrix, rotation_matrix

Vector = tuple[float, float, float]


class Surface(NamedTuple):
    """What the rays of a grid meet.

    Attributes:
        depth: (H, W), head units towards the viewer.
        normal: (3, H, W), camera coordinates, length 1.
        distance: (H, W), signed distance to the outline in the picture, head units, positive inside.
    """

    depth: Tensor
    normal: Tensor
    distance: Tensor


@dataclass(frozen=True)
class Solid:
    """A group of ellipsoids joined into one body.

    Attributes:
        centres: (N, 3), body coordinates.
        forms: (N, 3, 3), the matrix A of (p - c)' A (p - c) = 1.
        softness: How softly depths are joined, head units; negative intersects the ellipsoids instead.
        fillet: How softly outlines are joined, head units.
    """

    centres: Matrix
    forms: Matrix
    softness: float
    fillet: float


def solid(
    parts: list[tuple[Vector, Vector] | tuple[Vector, Vector, Vector]], softness: float = 0.05, fillet: float = 0.04
) -> Solid:
    """Builds a solid from (centre, radii) or (centre, radii, (yaw, pitch, roll)) of its ellipsoids."""
    centres = np.array([part[0] for part in parts], dtype=np.float64)
    forms = np.empty((len(parts), 3, 3))
    for i, part in enumerate(parts):
        rotation = rotation_matrix(*part[2]) if len(part) == 3 else np.eye(3)
        forms[i] = rotation @ np.diag(1.0 / np.square(part[1])) @ rotation.T
    return Solid(centres, forms, softness, fillet)


def bounds(body: Solid, rotation: Matrix) -> tuple[float, float, float, float]:
    """(u0, v0, u1, v1): the rectangle of the picture that the solid covers, head units from its origin."""
    centres = body.centres @ rotation.T
    covariance = np.linalg.inv(body.forms)
    extent = np.sqrt(np.einsum("ij,njk,ik->ni", rotation, covariance, rotation))
    low = (centres - extent)[:, :2]
    high = (centres + extent)[:, :2]
    low2, high2 = (low.max(0), high.min(0)) if body.softness < 0 else (low.min(0), high.max(0))
    return float(low2[0]), float(low2[1]), float(high2[0]), float(high2[1])


def trace(body: Solid, rotation: Matrix, u: Tensor, v: Tensor) -> Surface:
    """Meets the solid with the rays through a grid.

    Outside its outline an ellipsoid's depth is continued antisymmetrically, falling steeply, so that the
    smooth union of depths is defined and continuous everywhere.

    Args:
        body: N ellipsoids.
        rotation: (3, 3), body to camera.
        u: (W,) horizontal ray positions from the body's origin, head units.
        v: (H,) vertical ones.

    Returns:
        The surface over the H×W grid.
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
    total = weight.sum(dim=0)
    # Gradients of the ellipsoids, brought to about length 1 by their mean radius, summed by one small product.
    size = np.linalg.det(body.forms) ** (-1 / 6)
    x_constant = -(forms[:, 0, 0] * centres[:, 0] + forms[:, 0, 1] * centres[:, 1])
    y_constant = -(forms[:, 0, 1] * centres[:, 0] + forms[:, 1, 1] * centres[:, 1])
    by_weight = np.stack([forms[:, 0, 0], forms[:, 0, 1], forms[:, 1, 1], x_constant, y_constant]) * size
    by_depth = np.stack([forms[:, 0, 2], forms[:, 1, 2]]) * size
    flat = weight.reshape(len(centres), -1)

    def summed(factors: Matrix, fields: Tensor) -> Tensor:
        small = torch.from_numpy(factors.astype(np.float32)).to(u.device)
        return (small @ fields).reshape(-1, *depth.shape[1:])

    xx, xy, yy, x0, y0 = summed(by_weight, flat)
    xz, yz = summed(by_depth, flat * relative.reshape(flat.shape))
    (z0,) = summed((g33 * size)[None], flat * root.reshape(flat.shape))
    across_u, across_v = u[None, :], v[:, None]
    normal = torch.stack([xx * across_u + xy * across_v + x0 + xz, xy * across_u + yy * across_v + y0 + yz, z0])
    normal[2].clamp_min_(0)
    normal *= torch.rsqrt(normal.square().sum(0) + 1e-9)
    outward = distance.amax(dim=0, keepdim=True)
    outline = (
        torch.exp_((distance - outward).mul_(1 / body.fillet)).sum(dim=0).log_().mul_(body.fillet).add_(outward[0])
    )
    return Surface(nearest[0] + body.softness * torch.log(total), normal, outline)
