"""Strands: hair grown over the base mesh, brows and beards; each a ribbon rooted in the skin."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fomm_train.people import chart, surface
from fomm_train.people.assets import Floats, Integers
from fomm_train.people.bust import bust
from fomm_train.people.person import Person
from fomm_train.people.surface import Roots

SHAVEN = ("bald", "receding", "buzz")
CROWN_WHORL = np.array([0.05, 8.42, 0.05], np.float32)
KNOT = np.array([0.0, 7.75, -0.62], np.float32)
DOWN = np.array([0, -1, 0], np.float32)


class Strands(NamedTuple):
    """S strands of K points in base-mesh coordinates, dm.

    Attributes:
        roots: S of them.
        points: (S, K, 3), the first at the root.
        width: (S,), dm at the root; strands taper.
        shade: (S,), brightness about 1.
        depth: (S,), 0 the innermost layer, 1 the outermost.
    """

    roots: Roots
    points: Floats
    width: Floats
    shade: Floats
    depth: Floats


@dataclass(frozen=True)
class Style:
    """How a kind of hair grows; lengths in dm.

    Attributes:
        count: Strands.
        length: Of most strands.
        thickness: Of the layer of hair.
        lift: How steeply strands leave the skin, 0 along it, 1 straight up.
        gravity: How fast they turn down.
        comb: Which way: whorl, side, back, front, down, none.
        curl: Radius of curls.
        turns: Curls along a strand.
        clump: How much strands keep together at their tips.
        width: Of a strand.
        steps: Points of a strand.
    """

    count: int
    length: float
    thickness: float
    lift: float
    gravity: float
    comb: str
    curl: float = 0.0
    turns: float = 0.0
    clump: float = 0.3
    width: float = 0.0135
    steps: int = 10


STYLES = {
    "bald": Style(1400, 0.05, 0.03, 0.6, 0, "whorl", steps=3, width=0.0095),
    "receding": Style(3300, 0.22, 0.07, 0.35, 0.2, "back", steps=5),
    "buzz": Style(8700, 0.07, 0.05, 0.75, 0, "whorl", steps=3, width=0.0095),
    "short": Style(6200, 0.34, 0.16, 0.40, 0.25, "whorl", steps=6),
    "swept": Style(5800, 0.62, 0.26, 0.38, 0.25, "front", steps=8, clump=0.6),
    "side_part": Style(5800, 0.75, 0.22, 0.32, 0.45, "side", steps=8, clump=0.35),
    "slick": Style(5300, 0.95, 0.13, 0.12, 0.25, "back", steps=8, clump=0.45),
    "curly": Style(5000, 0.75, 0.38, 0.75, 0.2, "whorl", 0.055, 2.2, 0.55, steps=14),
    "afro": Style(6200, 0.60, 0.55, 1.0, 0, "none", 0.035, 3.0, 0.25, steps=12),
    "bob": Style(5000, 1.85, 0.24, 0.20, 0.75, "side", steps=12, clump=0.4),
    "long": Style(5000, 3.3, 0.26, 0.20, 0.80, "side", steps=12, clump=0.5),
    "wavy": Style(5000, 2.9, 0.34, 0.25, 0.75, "side", 0.07, 2.6, 0.65, steps=15),
    "fringe": Style(5400, 2.5, 0.24, 0.20, 0.80, "side", steps=11, clump=0.4),
    "ponytail": Style(5000, 1.3, 0.09, 0.06, 0.0, "knot", steps=8, clump=0.4),
    "bun": Style(5000, 1.3, 0.09, 0.06, 0.0, "knot", steps=8, clump=0.4),
}
BROW_LINE = ((0.10, 0.20, 0.34, 0.45, 0.57), (7.500, 7.522, 7.541, 7.538, 7.490))
"""Distance from the middle and height of the middle of a brow, dm."""
BROW_HALF = ((0.10, 0.16, 0.36, 0.50, 0.57), (0.022, 0.040, 0.034, 0.020, 0.008))
LONG = ("bob", "long", "wavy", "fringe")


def grow_hair(person: Person) -> Strands | None:
    """The hair of a person's head; None for a bald woman's."""
    rng, style = person.rng(4), STYLES[person.hair]
    roots = _scalp_roots(person, rng, style)
    if not len(roots.point):
        return None
    count = len(roots.point)
    depth = rng.random(count).astype(np.float32) ** 0.8
    length = style.length * person.hair_length * rng.normal(1, 0.12, count).clip(0.4)
    if person.hair in {"short", "side_part", "swept", "receding", "slick"}:
        length *= 0.30 + 0.70 * _on_top(roots.point)  # the sides are cut shorter
    if person.hair in LONG:
        length *= 0.82 + 0.25 * depth
    direction = _comb(person, roots, style)
    fringe = np.zeros(count, bool)
    if person.hair == "fringe":
        fringe = (roots.point[:, 2] > 0.62) & (np.abs(roots.point[:, 0]) < 0.58)
        direction[fringe] = _unit(roots.point[fringe] * [0.25, 0, 0] + [0, 0.05, 1])
        reach = np.linalg.norm(roots.point[fringe] - [0, 7.62, 1.5], axis=1)
        length[fringe] = reach * rng.uniform(0.86, 1.06, int(fringe.sum()))
    thickness = style.thickness * person.hair_volume * (0.3 + 0.7 * _on_top(roots.point))
    points = _grown(rng, style, roots, direction, length, depth * thickness, ~fringe, person.hair)
    points = _curled(rng, style, person, points, roots)
    points = _clumped(rng, points, style.clump)
    if person.hair in LONG:
        side = np.where(direction[:, :1] >= 0, 1, -1)
        edge = rng.normal(0.97, 0.05, (count, 1))
        step = _beside_face(points, side, edge) * ~fringe[:, None, None]
        points = points + step * np.clip(np.linspace(0, 4, points.shape[1]), 0, 1)[:, None]
    if person.hair == "ponytail":
        points = _with_tail(rng, points, 1.0 + 1.6 * rng.random() * person.hair_length, person.hair_curl)
    if person.hair == "bun":
        points = _with_bun(rng, points)
    shade = np.exp(0.22 * rng.normal(size=count) + 0.10 * _patchy(rng, roots.point))
    return Strands(
        roots,
        points.astype(np.float32),
        (style.width * rng.uniform(0.7, 1.3, count)).astype(np.float32),
        shade.astype(np.float32),
        depth,
    )


def grow_brows(person: Person) -> Strands:
    """Both brows."""
    rng = person.rng(5)
    roots = surface.scatter(rng, 120000)
    x = np.abs(roots.point[:, 0])
    density = (
        np.exp(-(_off_brow(roots.point, person) ** 2))
        * np.clip((x - 0.09) / 0.06, 0, 1)
        * np.clip((0.58 - x) / 0.04, 0, 1)
    )
    chosen = np.flatnonzero((rng.random(len(x)) < density * person.brow_density) & (roots.point[:, 2] > 0.9))
    roots = roots.kept(rng.permutation(chosen)[: int(900 * person.brow_density)])
    x, off = np.abs(roots.point[:, 0]), _off_brow(roots.point, person)
    side = np.sign(roots.point[:, 0])
    outward = np.stack([side, np.zeros_like(side), -0.35 * np.ones_like(side)], axis=-1)
    rise = np.interp(x, (0.10, 0.22, 0.40, 0.57), (1.4, 0.5, 0.05, -0.35)) - 0.4 * off
    direction = _unit(outward + rise[:, None] * -DOWN + 0.25 * roots.normal + 0.12 * rng.normal(size=(len(x), 3)))
    length = rng.uniform(0.04, 0.10, len(x))
    return _simple(rng, roots, direction, length, 4, 0.006, outward_bend=-0.35)


def _off_brow(points: Floats, person: Person) -> Floats:
    """How far above the middle of the brow, in halves of its thickness."""
    x = np.abs(points[:, 0])
    off: Floats = (points[:, 1] - np.interp(x, *BROW_LINE)) / (np.interp(x, *BROW_HALF) * person.brow_thickness)
    return off


def grow_beard(person: Person) -> Strands | None:
    """The beard, or None."""
    if person.beard == "none":
        return None
    rng = person.rng(6)
    roots = surface.scatter(rng, {"stubble": 20000}.get(person.beard, 45000))
    degrees, x, y = surface.degrees_of(roots.point), roots.point[:, 0], roots.point[:, 1]
    inside = chart.beard_area(degrees, y) + 0.05 * _patchy(rng, roots.point)
    moustache = np.where((y > 6.70) & (np.abs(x) < 0.30), 1.0, 0.0)
    chin = np.where((np.abs(x) < 0.26) & (y < 6.5), 1.0, 0.0)
    where = {
        "moustache": moustache,
        "goatee": np.maximum(moustache, chin) + (np.abs(np.abs(x) - 0.29) < 0.05) * (y < 6.75),
    }.get(person.beard, np.ones_like(x))
    lips = _lips_at(roots)
    keep = (inside > 0.10 * rng.random(len(x))) & (where > 0.5) & (lips < 0.25)
    roots = roots.kept(np.flatnonzero(keep))
    long = {"stubble": 0.018, "moustache": 0.09, "goatee": 0.11, "short": 0.07, "full": 0.24}[person.beard]
    count = len(roots.point)
    grow = np.clip((6.75 - roots.point[:, 1]) / 0.5, 0.35, 1.0) if person.beard == "full" else np.ones(count)
    length = long * rng.uniform(0.6, 1.2, count) * grow
    away = np.sign(roots.point[:, :1]) * np.array([[0.5, 0, 0]]) * (roots.point[:, 1:2] > 6.68)
    direction = _unit(0.45 * roots.normal + 0.9 * DOWN + away + 0.25 * rng.normal(size=(count, 3)))
    width = 0.006 if person.beard == "stubble" else 0.008
    return _simple(rng, roots, direction, length, 3 if long < 0.05 else 5, width, outward_bend=0.2)


def _lips_at(roots: Roots) -> Floats:
    lips: Floats = (bust().regions[roots.corners, 0] * roots.shares).sum(axis=1)
    return lips


def _simple(
    rng: np.random.Generator,
    roots: Roots,
    direction: Floats,
    length: Floats,
    steps: int,
    width: float,
    outward_bend: float,
) -> Strands:
    """Short strands, bent a little towards or from the skin and at random."""
    count = len(roots.point)
    along = np.linspace(0, 1, steps)[None, :, None]
    bend = outward_bend * roots.normal + 0.25 * rng.normal(size=(count, 3))
    path = along * direction[:, None] + along**2 * bend[:, None] * 0.5
    points = roots.point[:, None] + path * length[:, None, None]
    return Strands(
        roots,
        points.astype(np.float32),
        (width * rng.uniform(0.7, 1.2, count)).astype(np.float32),
        np.exp(0.2 * rng.normal(size=count)).astype(np.float32),
        rng.random(count).astype(np.float32),
    )


def _scalp_roots(person: Person, rng: np.random.Generator, style: Style) -> Roots:
    roots = surface.scatter(rng, 3 * style.count)
    degrees, height = surface.degrees_of(roots.point), roots.point[:, 1]
    line = chart.hairline(degrees, person.hairline) + 0.05 * _patchy(rng, roots.point)
    line = line + 0.05 * np.abs(rng.normal(size=len(line)))
    keep = height > line
    if person.hair in {"receding", "bald"}:
        # A wreath remains.
        keep &= (height < 7.85 + 0.08 * rng.normal(size=len(line))) & (np.abs(degrees) > 55)
        if person.hair == "receding":
            keep |= (height > line + 0.25) & (rng.random(len(line)) < 0.35)
    return roots.kept(np.flatnonzero(keep)[: style.count])


def _on_top(points: Floats) -> Floats:
    """1 on top of the head, 0 at its sides and nape."""
    top: Floats = np.clip((points[:, 1] - 7.55) / 0.55, 0, 1)
    return top


def _comb(person: Person, roots: Roots, style: Style) -> Floats:
    point = roots.point
    away = point - CROWN_WHORL
    whorl = _unit(away + np.stack([-0.5 * away[:, 2], 0 * away[:, 0], 0.5 * away[:, 0]], axis=-1))
    part = 0.38 * person.parting
    side = np.sign(point[:, 0] - part + 1e-4)
    sideways = np.stack([side, np.full_like(side, -0.35), np.full_like(side, 0.15)], axis=-1)
    if style.comb == "side" and person.hair == "side_part":
        over = -np.sign(person.parting) if person.parting else 1.0
        sideways[:, 0] = np.where(_on_top(point) > 0.2, np.where(side == over, over, -over), side)
        sideways[:, 2] += 0.25
    chosen = {
        "whorl": whorl + np.array([0, 0, 0.35]),
        "side": sideways,
        "back": np.stack([0.35 * point[:, 0], np.full_like(side, 0.1), np.full_like(side, -1)], axis=-1),
        "front": np.stack(
            [0.5 * np.sign(person.parting) + 0.3 * point[:, 0], 0 * side + 0.35, 0 * side + 0.6], axis=-1
        ),
        "knot": KNOT - point,
        "none": roots.normal,
    }[style.comb]
    along = _unit(chosen)
    if style.comb not in {"none"}:
        low = 1 - _on_top(point)
        if style.comb in {"side", "whorl", "front"}:
            along = along + low[:, None] * DOWN * 0.8
        along = _unit(along - (along * roots.normal).sum(1, keepdims=True) * roots.normal)
    return _unit(style.lift * roots.normal + (1 - style.lift) * along)


def _grown(
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
        towards = _unit(towards + pull * DOWN + wander * min(1.0, style.lift + 0.3))
        if style.comb == "knot":
            gap = KNOT - here
            towards = _unit(gap)
            pace = np.minimum(pace, np.linalg.norm(gap, axis=1, keepdims=True))
        here = here + pace * towards
        if name in LONG:
            here += np.clip(_beside_face(here, side, edge), -0.2, 0.2) * around_face[:, None]
        gap_to_skin, outward = surface.distance(here)
        wanted = 0.012 + layer * min(1.0, step / 2.5)
        sunk = np.clip(wanted - gap_to_skin, 0, 0.3)[:, None]
        # On the shoulders hair lies before or behind, it does not slide down the arms.
        low = np.clip((6.0 - here[:, 1:2]) / 0.3, 0, 1)
        ahead = np.where(here[:, 2:] > 0.2, 1, -1) * np.array([[0, 0, 1]])
        outward = _unit(outward + low * (ahead - outward * [0.8, 0.6, 0]))
        here = here + sunk * outward
        inward = np.minimum((towards * outward).sum(1, keepdims=True), 0)
        towards = _unit(towards - np.where(sunk > 0, inward, 0) * outward)
        points[:, step] = here
    return points


def _beside_face(points: Floats, side: Integers, edge: Floats) -> Floats:
    """(…, 3): the step that takes hair from before the face to its own side."""
    height = np.clip((points[..., 1] - 7.0) / 1.12, -1, 1)
    wide = edge * 0.72 * np.sqrt(1 - height**2)
    front = np.clip((points[..., 2] - 0.60) / 0.15, 0, 1)
    across = np.clip(wide - side * points[..., 0], 0, 1.4) * front
    return np.stack([side * across, 0 * across, -0.25 * across], axis=-1).astype(np.float32)


def _curled(rng: np.random.Generator, style: Style, person: Person, points: Floats, roots: Roots) -> Floats:
    radius = style.curl if style.curl else 0.012 * person.hair_curl * min(1.0, style.length)
    turns = (style.turns or 1.5) * (0.7 + 0.8 * person.hair_curl)
    count, steps = points.shape[:2]
    along = np.linspace(0, 1, steps)[None]
    # Neighbours curl together: the phase follows the root.
    phase = 2.2 * _patchy(rng, roots.point)[:, None] + 0.6 * rng.normal(size=(count, 1))
    angle = phase + 2 * np.pi * turns * along
    size = radius * np.clip(along * 3, 0, 1) * rng.uniform(0.6, 1.4, (count, 1))
    tangent = _unit(np.gradient(points, axis=1))
    first = _unit(np.cross(tangent, np.array([0.3, 0.2, 0.93])))
    second = np.cross(tangent, first)
    curled: Floats = points + size[..., None] * (np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second)
    curled[:, 0] = points[:, 0]
    return curled


def _clumped(rng: np.random.Generator, points: Floats, amount: float) -> Floats:
    """Strands lean towards a leader among their neighbours, the more the farther from the root."""
    count, steps = points.shape[:2]
    leaders = rng.choice(count, max(1, count // 14), replace=False)
    leader = points[leaders[surface.nearest(points[:, 0], points[leaders, 0])]]
    share = amount * rng.uniform(0.3, 1.2, (count, 1, 1)) * np.linspace(0, 1, steps)[None, :, None] ** 1.3
    moved: Floats = points + np.clip(share, 0, 0.95) * (leader - points)
    return moved


def _with_tail(rng: np.random.Generator, points: Floats, length: float, curl: float) -> Floats:
    """Behind the knot, strands run on as a tail."""
    count, steps = len(points), 7
    along = np.linspace(0.02, 1, steps)[None, :, None]
    spread = 0.16 * rng.normal(size=(count, 1, 3)) * [1, 0.3, 0.8]
    sway = 0.08 * curl * np.sin(9 * along + 0.5 * rng.normal(size=(count, 1, 1))) * [1, 0, 0.4]
    drop = KNOT + along * [0, -length, -0.05] + np.sin(np.pi * np.clip(along * 1.6, 0, 1)) * [0, 0.06, -0.30]
    tail = drop + spread * np.sin(np.pi * (0.12 + 0.85 * along)) + sway
    tail = tail - (1 - rng.uniform(0.75, 1, (count, 1, 1))) * along * [0, -length, 0]
    return np.concatenate([points, tail], axis=1)


def _with_bun(rng: np.random.Generator, points: Floats) -> Floats:
    """Behind the knot, strands wind into a ball."""
    count, steps = len(points), 9
    axis = _unit(rng.normal(size=(count, 3)) * 0.5 + [0.3, 1, 0.2])
    start = _unit(np.cross(axis, rng.normal(size=(count, 3))))
    other = np.cross(axis, start)
    angle = np.linspace(0, rng.uniform(2.0, 4.5), steps)[None, :, None]
    radius = 0.34 * rng.uniform(0.75, 1.02, (count, 1, 1))
    ball = KNOT + [0, 0.12, -0.16] + radius * (np.cos(angle) * start[:, None] + np.sin(angle) * other[:, None])
    return np.concatenate([points, ball], axis=1)


def _patchy(rng: np.random.Generator, points: Floats) -> Floats:
    """A smooth random function of place, about -1 to 1."""
    waves = rng.normal(size=(5, 3)) * 5
    values: Floats = np.sin(points @ waves.T + rng.uniform(0, 6, 5)).sum(axis=1) / 2.5
    return values


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)
    return unit
