"""The exact motion of a rendered person between two moments: where the source shows what the driving moment shows."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fomm_train.faces import BACKGROUND, HEAD, TORSO
from fomm_train.people.assets import Floats
from fomm_train.people.bust import bust
from fomm_train.people.expression import Moment
from fomm_train.people.figure import Figure, Posed, Ribbons, pose
from fomm_train.people.person import Person
from fomm_train.people.scene import Batch
from fomm_train.people.studio import Sight, Studio

SAME_DEPTH = 0.12
"""How far apart in depth two seen points may be to be one place, head units."""
FINE = 4
"""Pixels of the source's depth to a pixel of the flow, along a side."""


class Motion(NamedTuple):
    """Motion on an s×s grid whose corners are those of the picture.

    Attributes:
        flow: (s, s, 2) float32, where the source shows what the driving moment shows, (x, y) in [-1, 1].
        shown: (s, s) bool, whether the source shows it.
        body: (s, s) uint8, what the driving moment shows: BACKGROUND, HEAD or TORSO.
    """

    flow: Floats
    shown: npt.NDArray[np.bool_]
    body: npt.NDArray[np.uint8]


class _Standing(NamedTuple):
    """A batch's vertices: picture position and depth (N, 3), and how far each follows the head (N,)."""

    points: Floats
    weight: Floats


def motion(studio: Studio, person: Person, driving: Moment, source: Moment, size: int = 64) -> Motion:
    """The motion of a person from a source moment to a driving one; the background stays."""
    scene = studio.scene(person)
    seen = studio.sight(person, driving, size)
    behind = studio.sight(person, source, size * FINE).depth
    now, before = pose(scene.figure, driving), pose(scene.figure, source)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    flow = np.stack(np.meshgrid(axis, axis), axis=-1)
    depth = np.zeros((size, size), np.float32)
    body = np.zeros((size, size), np.uint8)
    for index, batch in enumerate(scene.batches):
        here = seen.batch == index
        if not here.any():
            continue
        at_now, at_before = (_standing(scene.figure, batch, posed) for posed in (now, before))
        corners = batch.triangles[seen.triangle[here]]
        if batch.kind == "strands":
            # Ribbons turn to the camera: what lies on one moves with its middle.
            corners = corners // 2
            moved = at_before.points[corners].mean(axis=1)
            step = moved[:, :2] - at_now.points[corners].mean(axis=1)[:, :2]
            flow[here] += step
            depth[here] = moved[:, 2]
        else:
            shares = _barycentric(flow[here], at_now.points[corners, :2])
            moved = np.einsum("nk,nkc->nc", shares, at_before.points[corners])
            flow[here], depth[here] = moved[:, :2], moved[:, 2]
        body[here] = np.where(at_now.weight[corners].mean(axis=1) > 0.5, HEAD, TORSO)
    shown = _is_shown(flow, depth, body, behind)
    return Motion(flow, shown, body)


def bodies(studio: Studio, person: Person, moment: Moment, size: int) -> npt.NDArray[np.uint8]:
    """(size, size): what every pixel shows, BACKGROUND, HEAD or TORSO."""
    scene = studio.scene(person)
    seen: Sight = studio.sight(person, moment, size)
    posed = pose(scene.figure, moment)
    body = np.full((size, size), BACKGROUND, np.uint8)
    for index, batch in enumerate(scene.batches):
        here = seen.batch == index
        if here.any():
            corners = batch.triangles[seen.triangle[here]] // (2 if batch.kind == "strands" else 1)
            weight = _standing(scene.figure, batch, posed).weight[corners].mean(axis=1)
            body[here] = np.where(weight > 0.5, HEAD, TORSO)
    return body


def _standing(figure: Figure, batch: Batch, posed: Posed) -> _Standing:
    if batch.name == "bust":
        return _Standing(_seen(posed, posed.place), bust().weight)
    if batch.kind == "strands":
        ribbons, points = _ribbons_of(figure, batch.name, posed)
        weight = ribbons.weight.reshape(-1)
        placed = posed.stage.placed(points.reshape(-1, 3), weight)
        return _Standing(_seen(posed, placed), weight)
    prop = next(prop for prop in figure.props if str(prop.part) == batch.name)
    return _Standing(_seen(posed, posed.stage.placed(prop.points, prop.weight)), prop.weight)


def _ribbons_of(figure: Figure, name: str, posed: Posed) -> tuple[Ribbons, Floats]:
    if name == "hair" and figure.hair is not None:
        return figure.hair, figure.hair.points
    part = slice(None, figure.beard_from) if name == "brows" else slice(figure.beard_from, None)
    return figure.face_hair.kept(part), posed.face_hair[part]


def _seen(posed: Posed, placed: Floats) -> Floats:
    return np.column_stack([posed.stage.projected(placed), placed[:, 2]])


def _barycentric(points: Floats, corners: Floats) -> Floats:
    """(N, 3): shares of a triangle's (N, 3, 2) corners that make (N, 2) points."""
    a, b, c = (corners[:, k].astype(np.float64) for k in range(3))
    ab, ac, ap = b - a, c - a, points - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    second = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    third = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    shares: Floats = np.stack([1 - second - third, second, third], axis=-1)
    return shares


def _is_shown(flow: Floats, depth: Floats, body: npt.NDArray[np.uint8], behind: Floats) -> npt.NDArray[np.bool_]:
    """Whether the source's surface where the flow leads is as near as the place itself; background is background."""
    side = len(behind)
    place = np.rint((flow + 1) * 0.5 * (side - 1)).astype(int)
    inside = ((place >= 0) & (place < side)).all(axis=-1)
    shown = np.zeros(body.shape, bool)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            x, y = np.clip(place[..., 0] + dx, 0, side - 1), np.clip(place[..., 1] + dy, 0, side - 1)
            there = behind[y, x]
            same = np.where(body == BACKGROUND, there < -9.9, np.abs(there - depth) < SAME_DEPTH)
            shown |= same
    seen: npt.NDArray[np.bool_] = shown & inside
    return seen
