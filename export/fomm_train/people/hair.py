"""The hair of a head, grown over the base mesh."""

import numpy as np

from fomm_train.people import chart, surface
from fomm_train.people.assets import Floats
from fomm_train.people.hair_paths import KNOT, beside_face, clumped, curled, grown, with_bun, with_tail
from fomm_train.people.hair_styles import LONG, STYLES, Style
from fomm_train.people.person import Person
from fomm_train.people.strands import DOWN, Strands, patchy, unit
from fomm_train.people.surface import Roots

CROWN_WHORL = np.array([0.05, 8.42, 0.05], np.float32)


def grow_hair(person: Person) -> Strands | None:
    """The hair of a person's head; None for a bald woman."""
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
        direction[fringe] = unit(roots.point[fringe] * [0.25, 0, 0] + [0, 0.05, 1])
        reach = np.linalg.norm(roots.point[fringe] - [0, 7.62, 1.5], axis=1)
        length[fringe] = reach * rng.uniform(0.86, 1.06, int(fringe.sum()))
    thickness = style.thickness * person.hair_volume * (0.3 + 0.7 * _on_top(roots.point))
    points = grown(rng, style, roots, direction, length, depth * thickness, ~fringe, person.hair)
    points = curled(rng, style, person, points, roots)
    points = clumped(rng, points, style.clump)
    if person.hair in LONG:
        side = np.where(direction[:, :1] >= 0, 1, -1)
        edge = rng.normal(0.97, 0.05, (count, 1))
        step = beside_face(points, side, edge) * ~fringe[:, None, None]
        points = points + step * np.clip(np.linspace(0, 4, points.shape[1]), 0, 1)[:, None]
    if person.hair == "ponytail":
        points = with_tail(rng, points, 1.0 + 1.6 * rng.random() * person.hair_length, person.hair_curl)
    if person.hair == "bun":
        points = with_bun(rng, points)
    shade = np.exp(0.22 * rng.normal(size=count) + 0.10 * patchy(rng, roots.point))
    return Strands(
        roots,
        points.astype(np.float32),
        (style.width * rng.uniform(0.7, 1.3, count)).astype(np.float32),
        shade.astype(np.float32),
        depth,
    )


def _scalp_roots(person: Person, rng: np.random.Generator, style: Style) -> Roots:
    roots = surface.scatter(rng, 3 * style.count)
    degrees, height = surface.degrees_of(roots.point), roots.point[:, 1]
    line = chart.hairline(degrees, person.hairline) + 0.05 * patchy(rng, roots.point)
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
    whorl = unit(away + np.stack([-0.5 * away[:, 2], 0 * away[:, 0], 0.5 * away[:, 0]], axis=-1))
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
    along = unit(chosen)
    if style.comb not in {"none"}:
        low = 1 - _on_top(point)
        if style.comb in {"side", "whorl", "front"}:
            along = along + low[:, None] * DOWN * 0.8
        along = unit(along - (along * roots.normal).sum(1, keepdims=True) * roots.normal)
    return unit(style.lift * roots.normal + (1 - style.lift) * along)
