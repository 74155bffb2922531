"""The exact motion of a rendered person between two pictures."""

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

Bodies = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

SAME_DEPTH = 0.12
"""Largest difference of depth at which two points count as one, head units."""
FINE = 4
"""Pixels of the source's depth to a pixel of the flow, along a side."""


class Motion(NamedTuple):
    """Motion on an s×s grid whose corners are those of the picture.

    Attributes:
        flow: (s, s, 2) float32, where the source shows what the driving picture shows, (x, y) in [-1, 1].
        shown: (s, s), True where the source shows it.
    """

    flow: Floats
    shown: Bools


class _Standing(NamedTuple):
    """A batch's vertices: picture position and depth (N, 3), and how far each follows the head (N,)."""

    points: Floats
    weight: Floats


class View(NamedTuple):
    """A person at a moment, with the data that motion is computed from.

    Attributes:
        sight: The triangles that are seen on the s×s grid.
        fine_depth: The same depth on a grid FINE times as fine.
        standing: Positions of the vertices of each batch.
        batches: The batches.
        body: (s, s), BACKGROUND, HEAD or TORSO.
    """

    sight: Sight
    fine_depth: Floats
    standing: list[_Standing]
    batches: list[Batch]
    body: Bodies


def view(studio: Studio, person: Person, moment: Moment, size: int) -> View:
    """A person at a moment on a grid of `size` × `size`."""
    scene = studio.scene(person)
    sight = studio.sight(person, moment, size)
    fine_depth = studio.sight(person, moment, size * FINE).depth
    posed = pose(scene.figure, moment)
    standing = [_standing(scene.figure, batch, posed) for batch in scene.batches]
    body = np.full((size, size), BACKGROUND, np.uint8)
    for index, batch in enumerate(scene.batches):
        here = sight.batch == index
        weight = standing[index].weight[_corners(batch, sight.triangle[here])].mean(axis=1)
        body[here] = np.where(weight > 0.5, HEAD, TORSO)
    return View(sight, fine_depth, standing, scene.batches, body)


def motion(driving: View, source: View) -> Motion:
    """The motion from a source view to a driving view of the same person; the background stays."""
    size = len(driving.body)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    flow = np.stack(np.meshgrid(axis, axis), axis=-1)
    depth = np.zeros((size, size), np.float32)
    for index, batch in enumerate(driving.batches):
        here = driving.sight.batch == index
        if not here.any():
            continue
        now, before = driving.standing[index].points, source.standing[index].points
        corners = _corners(batch, driving.sight.triangle[here])
        if batch.kind == "strands":
            # Ribbons turn to the camera: a point on one moves with the ribbon's middle.
            moved = before[corners].mean(axis=1)
            flow[here] += moved[:, :2] - now[corners].mean(axis=1)[:, :2]
            depth[here] = moved[:, 2]
        else:
            shares = _barycentric(flow[here], now[corners, :2])
            moved = np.einsum("nk,nkc->nc", shares, before[corners])
            flow[here], depth[here] = moved[:, :2], moved[:, 2]
    return Motion(flow, _is_shown(flow, depth, driving.body, source.fine_depth))


def _corners(batch: Batch, triangles: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(N, 3): vertices of triangles; both edges of a ribbon stand for its middle."""
    return batch.triangles[triangles] // (2 if batch.kind == "strands" else 1)


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


def _is_shown(flow: Floats, depth: Floats, body: Bodies, behind: Floats) -> Bools:
    """True where the source's surface at the end of the flow is as near as the point; background needs background."""
    side = len(behind)
    place = np.rint((flow + 1) * 0.5 * (side - 1)).astype(int)
    inside = ((place >= 0) & (place < side)).all(axis=-1)
    shown = np.zeros(body.shape, bool)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            x, y = np.clip(place[..., 0] + dx, 0, side - 1), np.clip(place[..., 1] + dy, 0, side - 1)
            there = behind[y, x]
            shown |= np.where(body == BACKGROUND, there < -9.9, np.abs(there - depth) < SAME_DEPTH)
    seen: Bools = shown & inside
    return seen
