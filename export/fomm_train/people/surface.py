"""The skin of the base mesh: places for roots, and the distance of any point from it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fomm_train.people.assets import Floats, Integers
from fomm_train.people.bust import SKIN, bust, vertex_normals
from fomm_train.people.chart import angle_of

CELL = 0.11
LOW = np.array([-1.9, 4.2, -1.6], np.float32)
HIGH = np.array([1.9, 9.2, 2.3], np.float32)


class Roots(NamedTuple):
    """N places on the skin: corners (N, 3) of the bust's vertices, shares (N, 3) of them, point and normal (N, 3)."""

    corners: Integers
    shares: Floats
    point: Floats
    normal: Floats

    def kept(self, which: Integers) -> Roots:
        """Some of the places."""
        return Roots(self.corners[which], self.shares[which], self.point[which], self.normal[which])


class _Skin(NamedTuple):
    triangles: Integers
    area_up_to: Floats
    normals: Floats


@lru_cache(maxsize=1)
def _skin() -> _Skin:
    whole = bust()
    corners = whole.triangles[(whole.part[whole.triangles] == SKIN).all(axis=1)]
    a, b, c = (whole.rest[corners[:, k]] for k in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=-1)
    blocked = (whole.regions[corners, 1:3] > 0.4).any(axis=(1, 2)) | (whole.rest[corners, 1] < 5.8).any(axis=1)
    return _Skin(corners, np.cumsum(np.where(blocked, 0, area)), vertex_normals(whole.rest))


def scatter(rng: np.random.Generator, count: int) -> Roots:
    """Places spread evenly over the head's skin, ears and mouth left out."""
    skin, whole = _skin(), bust()
    chosen = np.searchsorted(skin.area_up_to, rng.random(count) * skin.area_up_to[-1])
    u, v = rng.random((2, count))
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    corners = skin.triangles[chosen]
    shares = np.stack([1 - u - v, u, v], axis=-1).astype(np.float32)
    point = np.einsum("nk,nkc->nc", shares, whole.rest[corners])
    normal = np.einsum("nk,nkc->nc", shares, skin.normals[corners])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    return Roots(corners, shares, point.astype(np.float32), normal.astype(np.float32))


def nearest(points: Floats, among: Floats) -> Integers:
    """(N,): which of (M, 3) is nearest to each of (N, 3)."""
    among = among.astype(np.float32)
    closeness = points.astype(np.float32) @ among.T - 0.5 * (among**2).sum(axis=1)
    found: Integers = closeness.argmax(axis=1)
    return found


@lru_cache(maxsize=1)
def _distances() -> tuple[Floats, Floats]:
    """On a grid of CELL: signed distance from the skin, and its gradient."""
    skin, whole = _skin(), bust()
    used = np.unique(skin.triangles)
    # Ears and the inside of the mouth would keep strands away from the head.
    used = used[(whole.regions[used, 1] < 0.3) & (whole.regions[used, 2] < 0.5)]
    surface, normals = whole.rest[used], skin.normals[used]
    counts = np.ceil((HIGH - LOW) / CELL).astype(int)
    axes = [LOW[k] + CELL * np.arange(counts[k]) for k in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)
    signed = np.empty(len(points), np.float32)
    for start in range(0, len(points), 8192):
        some = points[start : start + 8192]
        closest = nearest(some, surface)
        away = some - surface[closest]
        signed[start : start + 8192] = np.linalg.norm(away, axis=1) * np.sign((away * normals[closest]).sum(1))
    field = signed.reshape(*counts)
    return field, np.stack([np.gradient(field, CELL, axis=k) for k in range(3)], axis=-1).astype(np.float32)


def distance(points: Floats) -> tuple[Floats, Floats]:
    """(N, 3) points -> their signed distance from the skin (N,), and its direction (N, 3)."""
    field, gradient = _distances()
    place = np.clip((points - LOW) / CELL, 0, np.array(field.shape) - 1.001)
    cell = place.astype(np.int64)
    part = (place - cell).astype(np.float32)
    value = np.zeros(len(points), np.float32)
    slope = np.zeros((len(points), 3), np.float32)
    for corner in range(8):
        step = np.array([corner & 1, corner >> 1 & 1, corner >> 2], np.int64)
        share = np.where(step, part, 1 - part).prod(axis=-1)
        x, y, z = (cell + step).T
        value += share * field[x, y, z]
        slope += share[:, None] * gradient[x, y, z]
    slope /= np.linalg.norm(slope, axis=-1, keepdims=True) + 1e-6
    return value, slope


def degrees_of(points: Floats) -> Floats:
    """Degrees from the front of (N, 3) points."""
    degrees: Floats = np.degrees(angle_of(points))
    return degrees
