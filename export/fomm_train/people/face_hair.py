"""Brows and beards."""

import numpy as np

from fomm_train.people import chart, surface
from fomm_train.people.assets import Floats
from fomm_train.people.bust import bust
from fomm_train.people.person import Person
from fomm_train.people.strands import DOWN, Strands, patchy, unit
from fomm_train.people.surface import Roots

BROW_LINE = ((0.10, 0.20, 0.34, 0.45, 0.57), (7.500, 7.522, 7.541, 7.538, 7.490))
"""Distance from the middle and height of the middle of a brow, dm."""
BROW_HALF = ((0.10, 0.16, 0.36, 0.50, 0.57), (0.022, 0.040, 0.034, 0.020, 0.008))


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
    direction = unit(outward + rise[:, None] * -DOWN + 0.25 * roots.normal + 0.12 * rng.normal(size=(len(x), 3)))
    length = rng.uniform(0.04, 0.10, len(x))
    return _simple(rng, roots, direction, length, 4, 0.006, outward_bend=-0.35)


def grow_beard(person: Person) -> Strands | None:
    """The beard, or None."""
    if person.beard == "none":
        return None
    rng = person.rng(6)
    roots = surface.scatter(rng, {"stubble": 20000}.get(person.beard, 45000))
    degrees, x, y = surface.degrees_of(roots.point), roots.point[:, 0], roots.point[:, 1]
    inside = chart.beard_area(degrees, y) + 0.05 * patchy(rng, roots.point)
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
    direction = unit(0.45 * roots.normal + 0.9 * DOWN + away + 0.25 * rng.normal(size=(count, 3)))
    width = 0.006 if person.beard == "stubble" else 0.008
    return _simple(rng, roots, direction, length, 3 if long < 0.05 else 5, width, outward_bend=0.2)


def _off_brow(points: Floats, person: Person) -> Floats:
    """Heights above the middle of the brow, in halves of its thickness."""
    x = np.abs(points[:, 0])
    off: Floats = (points[:, 1] - np.interp(x, *BROW_LINE)) / (np.interp(x, *BROW_HALF) * person.brow_thickness)
    return off


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
