"""The paths of hair: from the roots over the head and down, in curls, locks, tails and buns."""

import numpy as np

from fomm_train.people import surface
from fomm_train.people.assets import Floats, Integers
from fomm_train.people.hair_styles import LONG, Style
from fomm_train.people.person import Person
from fomm_train.people.strands import DOWN, patchy, unit
from fomm_train.people.surface import Roots

KNOT = np.array([0.0, 7.75, -0.62], np.float32)
"""Where a ponytail or a bun is tied."""


def grown(
    rng: np.random.Generator,
    style: Style,
    roots: Roots,
    direction: Floats,
    length: Floats,
    layer: Floats,
    around_face: Integers,
    name: str,
) -> Floats:
    """Follows every strand from its root, over the head and down."""
    count, steps = len(length), style.steps
    points = np.empty((count, steps, 3), np.float32)
    points[:, 0] = roots.point
    here, towards = roots.point.copy(), direction.astype(np.float32)
    pace = (length / (steps - 1)).astype(np.float32)[:, None]
    side = np.where(direction[:, 0] >= 0, 1, -1)
    edge = rng.normal(1, 0.07, count)
    wander = 0.05 * rng.normal(size=(count, 3)).astype(np.float32)
    for step in range(1, steps):
        pull = style.gravity * np.minimum(1, pace / 0.12)
        towards = unit(towards + pull * DOWN + wander * min(1.0, style.lift + 0.3))
        if style.comb == "knot":
            gap = KNOT - here
            towards = unit(gap)
            pace = np.minimum(pace, np.linalg.norm(gap, axis=1, keepdims=True))
        here = here + pace * towards
        if name in LONG:
            here += np.clip(beside_face(here, side, edge), -0.2, 0.2) * around_face[:, None]
        gap_to_skin, outward = surface.distance(here)
        wanted = 0.012 + layer * min(1.0, step / 2.5)
        sunk = np.clip(wanted - gap_to_skin, 0, 0.3)[:, None]
        # On the shoulders hair lies before or behind, it does not slide down the arms.
        low = np.clip((6.0 - here[:, 1:2]) / 0.3, 0, 1)
        ahead = np.where(here[:, 2:] > 0.2, 1, -1) * np.array([[0, 0, 1]])
        outward = unit(outward + low * (ahead - outward * [0.8, 0.6, 0]))
        here = here + sunk * outward
        inward = np.minimum((towards * outward).sum(1, keepdims=True), 0)
        towards = unit(towards - np.where(sunk > 0, inward, 0) * outward)
        points[:, step] = here
    return points


def beside_face(points: Floats, side: Integers, edge: Floats) -> Floats:
    """(…, 3): the step that takes hair from before the face to its own side."""
    height = np.clip((points[..., 1] - 7.0) / 1.12, -1, 1)
    wide = edge * 0.72 * np.sqrt(1 - height**2)
    front = np.clip((points[..., 2] - 0.60) / 0.15, 0, 1)
    across = np.clip(wide - side * points[..., 0], 0, 1.4) * front
    return np.stack([side * across, 0 * across, -0.25 * across], axis=-1).astype(np.float32)


def curled(rng: np.random.Generator, style: Style, person: Person, points: Floats, roots: Roots) -> Floats:
    """Winds strands about their paths; straight hair waves a little."""
    radius = style.curl if style.curl else 0.012 * person.hair_curl * min(1.0, style.length)
    turns = (style.turns or 1.5) * (0.7 + 0.8 * person.hair_curl)
    count, steps = points.shape[:2]
    along = np.linspace(0, 1, steps)[None]
    # Neighbours curl together: the phase follows the root.
    phase = 2.2 * patchy(rng, roots.point)[:, None] + 0.6 * rng.normal(size=(count, 1))
    angle = phase + 2 * np.pi * turns * along
    size = radius * np.clip(along * 3, 0, 1) * rng.uniform(0.6, 1.4, (count, 1))
    tangent = unit(np.gradient(points, axis=1))
    first = unit(np.cross(tangent, np.array([0.3, 0.2, 0.93])))
    second = np.cross(tangent, first)
    curled: Floats = points + size[..., None] * (np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second)
    curled[:, 0] = points[:, 0]
    return curled


def clumped(rng: np.random.Generator, points: Floats, amount: float) -> Floats:
    """Strands lean towards a leader among their neighbours, the more the farther from the root."""
    count, steps = points.shape[:2]
    leaders = rng.choice(count, max(1, count // 14), replace=False)
    leader = points[leaders[surface.nearest(points[:, 0], points[leaders, 0])]]
    share = amount * rng.uniform(0.3, 1.2, (count, 1, 1)) * np.linspace(0, 1, steps)[None, :, None] ** 1.3
    moved: Floats = points + np.clip(share, 0, 0.95) * (leader - points)
    return moved


def with_tail(rng: np.random.Generator, points: Floats, length: float, curl: float) -> Floats:
    """Behind the knot, strands run on as a tail."""
    count, steps = len(points), 7
    along = np.linspace(0.02, 1, steps)[None, :, None]
    spread = 0.16 * rng.normal(size=(count, 1, 3)) * [1, 0.3, 0.8]
    sway = 0.08 * curl * np.sin(9 * along + 0.5 * rng.normal(size=(count, 1, 1))) * [1, 0, 0.4]
    drop = KNOT + along * [0, -length, -0.05] + np.sin(np.pi * np.clip(along * 1.6, 0, 1)) * [0, 0.06, -0.30]
    tail = drop + spread * np.sin(np.pi * (0.12 + 0.85 * along)) + sway
    tail = tail - (1 - rng.uniform(0.75, 1, (count, 1, 1))) * along * [0, -length, 0]
    return np.concatenate([points, tail], axis=1)


def with_bun(rng: np.random.Generator, points: Floats) -> Floats:
    """Behind the knot, strands wind into a ball."""
    count, steps = len(points), 9
    axis = unit(rng.normal(size=(count, 3)) * 0.5 + [0.3, 1, 0.2])
    start = unit(np.cross(axis, rng.normal(size=(count, 3))))
    other = np.cross(axis, start)
    angle = np.linspace(0, rng.uniform(2.0, 4.5), steps)[None, :, None]
    radius = 0.34 * rng.uniform(0.75, 1.02, (count, 1, 1))
    ball = KNOT + [0, 0.12, -0.16] + radius * (np.cos(angle) * start[:, None] + np.sin(angle) * other[:, None])
    return np.concatenate([points, ball], axis=1)
