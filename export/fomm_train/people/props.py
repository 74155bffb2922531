"""Glasses, and the collars of shirts, jackets and hoods, which are not part of the mesh."""

from typing import NamedTuple

import numpy as np

from fomm_train.people import surface
from fomm_train.people.assets import Floats, Integers
from fomm_train.people.bust import SKIN, bust, eye_centres
from fomm_train.people.camera import head_coordinates
from fomm_train.people.person import Person
from fomm_train.people.shape import Shape

FRAME, COLLAR, LENS = 6, 7, 8


class Prop(NamedTuple):
    """N vertices, T triangles.

    Attributes:
        points: (N, 3), head coordinates of the person at rest.
        rest: (N, 3), base-mesh coordinates, for patterns.
        part: FRAME, COLLAR or LENS.
        weight: (N,), 1 follows the head, 0 the torso.
        triangles: (T, 3).
    """

    points: Floats
    rest: Floats
    part: int
    weight: Floats
    triangles: Integers


def props_of(person: Person, shape: Shape) -> list[Prop]:
    """The props of a person; lenses come last, because they are transparent."""
    worn: list[Prop] = []
    if person.clothes in {"shirt", "jacket", "hoodie"}:
        worn.append(_collar(person, shape))
    if person.glasses != "none":
        worn += _glasses(person, shape)
    return worn


def _grid_triangles(rows: int, columns: int, closed: bool) -> Integers:
    """Triangles of a grid of vertices, row by row; closed joins the last column to the first."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    right = (column + 1) % columns
    a, b = row * columns + column, row * columns + right
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])


def _tube(
    path: Floats, radius: float | Floats, closed: bool, sides: int = 6, flat: float = 1.0
) -> tuple[Floats, Integers]:
    """A tube along (P, 3); `flat` stretches it along z."""
    following = np.roll(path, -1, axis=0) if closed else np.vstack([path[1:], 2 * path[-1:] - path[-2:-1]])
    before = np.roll(path, 1, axis=0) if closed else np.vstack([2 * path[:1] - path[1:2], path[:-1]])
    tangent = following - before
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    first = np.cross(tangent, [0.05, 0.1, 1.0])
    first /= np.linalg.norm(first, axis=1, keepdims=True) + 1e-9
    second = np.cross(tangent, first)
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.cos(angle)[None, :, None] * first[:, None] + flat * np.sin(angle)[None, :, None] * second[:, None]
    points = path[:, None] + np.broadcast_to(np.asarray(radius), (len(path),))[:, None, None] * ring
    triangles = _grid_triangles(len(path), sides, True)
    if closed:
        last = _grid_triangles(2, sides, True)
        triangles = np.concatenate([triangles, np.where(last < sides, last + (len(path) - 1) * sides, last - sides)])
    return points.reshape(-1, 3).astype(np.float32), triangles


def _glasses(person: Person, shape: Shape) -> list[Prop]:
    """Frame, temples and lenses, fitted to eyes, nose and ears."""
    rng = person.rng(7)
    eyes = head_coordinates(eye_centres(shape.vertices), shape)
    half = 0.5 * float(eyes[1, 0] - eyes[0, 0])
    front = float(head_coordinates(shape.vertices[[227]], shape)[0, 2]) + 0.035  # the bridge of the nose
    front = max(front, float(eyes[:, 2].max()) + 0.21)
    middle_y = float(eyes[:, 1].mean()) + 0.035
    wide = half * rng.uniform(0.74, 0.90)
    tall = wide * (rng.uniform(0.84, 0.98) if person.glasses == "round" else rng.uniform(0.62, 0.82))
    if person.glasses == "sun":
        wide, tall = half * 0.92, half * 0.76
    power = {"round": 2.0, "square": 3.6, "half_rim": 3.0, "sun": 2.8}[person.glasses]
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    outline = np.stack([np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power),
                        np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power)], axis=-1)  # fmt: skip
    outline[:, 0] *= np.where(outline[:, 1] > 0, 0.93, 1.0)
    thick = rng.uniform(0.010, 0.028) if person.glasses != "half_rim" else 0.011
    parts: list[tuple[Floats, Integers]] = []
    lenses: list[tuple[Floats, Integers]] = []
    for side in (-1, 1):
        rim = np.column_stack([side * half * 1.02 + wide * outline[:, 0], middle_y + tall * outline[:, 1],
                               np.full(len(outline), front)])  # fmt: skip
        rim[:, 2] -= 0.22 * np.abs(rim[:, 0]) ** 2.2  # wrapped a little about the face
        if person.glasses == "half_rim":
            top = rim[np.sin(angle) < 0.05]
            parts.append(_tube(top[np.argsort(top[:, 0])].astype(np.float32), thick, False, flat=1.5))
        else:
            parts.append(_tube(rim.astype(np.float32), thick, True, flat=1.4))
        centre = rim.mean(axis=0, keepdims=True)
        fan = np.stack([np.full(40, 40), np.arange(40), (np.arange(40) + 1) % 40], axis=-1)
        lenses.append((np.concatenate([rim, centre]).astype(np.float32), fan))
        ear = head_coordinates(_ear_top(shape, side), shape)
        hinge = np.array(
            [side * (half * 1.02 + wide * 0.99), middle_y - 0.45 * tall, front - 0.22 * (half + wide) ** 2.2]
        )
        outer = np.array([ear[0] + side * 0.015, ear[1], ear[2]])
        bow = [
            hinge,
            hinge + np.array([side * 0.035, 0, -0.06]),
            0.5 * (hinge + outer) + np.array([side * 0.03, -0.01, 0]),
            outer,
            outer + np.array([-side * 0.02, 0.14, -0.10]),
        ]
        parts.append(_tube(np.array(bow, np.float32), thick * 0.9, False, flat=1.0))
    inner = half * 1.02 - wide * 0.97
    bridge = [
        [x, middle_y - 0.25 * tall - 0.03 * (1 - (x / inner) ** 2), front + 0.01] for x in np.linspace(-inner, inner, 7)
    ]
    parts.append(_tube(np.array(bridge, np.float32), thick, False))
    return [_merged(parts, FRAME), _merged(lenses, LENS)]


def _ear_top(shape: Shape, side: int) -> Floats:
    """The point of the ear that carries a temple: above the front of its root."""
    whole = bust()
    ears = whole.ids[(whole.regions[:, 2] > 0.5) & (np.sign(whole.rest[:, 0]) == side)]
    points = shape.vertices[ears]
    top = float(np.quantile(points[:, 1], 0.93))
    x = float(np.quantile(side * points[:, 0], 0.3)) * side
    return np.array([x, top, float(np.quantile(points[:, 2], 0.55))], np.float32)


def _merged(parts: list[tuple[Floats, Integers]], part: int) -> Prop:
    first = np.cumsum([0, *(len(points) for points, _ in parts)])
    points = np.concatenate([points for points, _ in parts])
    triangles = np.concatenate([own + start for (_, own), start in zip(parts, first, strict=False)])
    return Prop(points, points, part, np.ones(len(points), np.float32), triangles)


def _collar(person: Person, shape: Shape) -> Prop:
    """A band of cloth about the neck, rising from the neckline and folding outwards."""
    rng = person.rng(8)
    columns, rows = 72, 8
    angle = np.linspace(-np.pi, np.pi, columns)
    opening = 0.10 if person.clothes == "hoodie" else rng.uniform(0.05, 0.22)
    angle = (
        angle[np.abs(angle) > 0] if person.clothes == "hoodie" else np.linspace(opening, 2 * np.pi - opening, columns)
    )
    base_y = 5.34 + 0.46 * (0.5 - 0.5 * np.cos(angle))  # angle 0 is in front
    axis = np.stack([np.zeros(columns), base_y, np.full(columns, 0.28)], axis=-1)
    outward = np.stack([np.sin(angle), np.zeros(columns), np.cos(angle)], axis=-1)
    rise, roll = (0.20, 0.34) if person.clothes == "hoodie" else (0.30, 0.20)
    points = np.empty((rows, columns, 3), np.float32)
    for row in range(rows):
        t = row / (rows - 1)
        up = rise * np.sin(np.pi * min(1.0, t * 1.25) * 0.8) - (
            0.18 * max(0.0, t - 0.5) if person.clothes != "hoodie" else 0
        )
        away = 0.05 + roll * t**1.5
        here = axis + up * np.array([0, 1, 0])
        near = _onto_skin(here.astype(np.float32), outward.astype(np.float32))
        points[row] = near + away * outward + (0.04 * np.cos(angle)[:, None] * [0, 0, 1])
        if person.clothes == "hoodie":
            points[row] += 0.10 * np.sin(np.pi * t) * outward + 0.15 * (1 - np.cos(angle))[:, None] * t * [0, 0, -1]
    flat = points.reshape(-1, 3)
    # The collar moves with the skin it lies on when a person's neck is thinner or longer.
    whole = bust()
    skin = np.flatnonzero((whole.part == SKIN) & (whole.rest[:, 1] > 4.8) & (whole.rest[:, 1] < 6.6))
    nearest = skin[surface.nearest(flat, whole.rest[skin])]
    moved = flat + shape.vertices[whole.ids[nearest]] - whole.rest[nearest]
    weight = np.clip(whole.weight[nearest] * 0.35, 0, 1)
    return Prop(head_coordinates(moved.astype(np.float32), shape), flat, COLLAR, weight.astype(np.float32),
                _grid_triangles(rows, columns, person.clothes == "hoodie"))  # fmt: skip


def _onto_skin(axis: Floats, outward: Floats) -> Floats:
    """Where rays from the neck's axis leave the skin."""
    reach = np.full(len(axis), 0.2, np.float32)
    for _ in range(24):
        gap, _ = surface.distance(axis + reach[:, None] * outward)
        reach += np.clip(-gap, -0.05, 0.05)
    return axis + np.clip(reach, 0.2, 1.3)[:, None] * outward
