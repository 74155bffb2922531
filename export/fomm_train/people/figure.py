"""A person before the camera: the parts that stay, and their positions at a moment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fomm_train.people import props
from fomm_train.people.assets import Floats, Integers
from fomm_train.people.bust import CLOTH, bust, eye_centres, head_weight, vertex_normals
from fomm_train.people.camera import Stage, head_coordinates, stage_of
from fomm_train.people.expression import Moment, expressed
from fomm_train.people.face_hair import grow_beard, grow_brows
from fomm_train.people.hair import grow_hair
from fomm_train.people.light import Place, place_of
from fomm_train.people.person import Person
from fomm_train.people.props import Prop
from fomm_train.people.shape import Shape, shape_of
from fomm_train.people.skin import Skin, paint
from fomm_train.people.strands import Strands


class Ribbons(NamedTuple):
    """Strands on a person, S of K points.

    Attributes:
        points: (S, K, 3), head coordinates at rest.
        outward: (S, K, 3), directions that the hair faces.
        half_width: (S,), head units.
        shade, layer: (S,).
        weight: (S, K), how far each point follows the head.
        corners, shares: (S, 3), the bust's vertices they are rooted in.
    """

    points: Floats
    outward: Floats
    half_width: Floats
    shade: Floats
    layer: Floats
    weight: Floats
    corners: Integers
    shares: Floats

    def kept(self, which: slice) -> Ribbons:
        """The ribbons of some strands."""
        return Ribbons(
            self.points[which],
            self.outward[which],
            self.half_width[which],
            self.shade[which],
            self.layer[which],
            self.weight[which],
            self.corners[which],
            self.shares[which],
        )


class Figure(NamedTuple):
    """The parts of a person.

    Attributes:
        hair: Hair of the head. It is rigid; long hair lies on the shoulders and blends both motions.
        face_hair: Brows and beard, which follow expression.
        beard_from: Index of the first strand of the beard in `face_hair`.
    """

    person: Person
    shape: Shape
    skin: Skin
    place: Place
    hair: Ribbons | None
    face_hair: Ribbons
    beard_from: int
    props: list[Prop]


class Posed(NamedTuple):
    """A figure at a moment.

    Attributes:
        stage: Positions of head and torso.
        place, normal: (N, 3) of the bust's vertices, before the camera.
        face_hair: (S, K, 3), points of brows and beard, head coordinates.
        eyes: (2, 3), centres of the eyeballs, the picture's left first, before the camera.
        gaze: (2, 3), directions of the gaze.
    """

    stage: Stage
    place: Floats
    normal: Floats
    face_hair: Floats
    eyes: Floats
    gaze: Floats


def figure_of(person: Person, backdrop_size: int) -> Figure:
    """Makes the parts of a person."""
    shape = shape_of(person)
    fitted = _fit(shape)
    brows, beard = grow_brows(person), grow_beard(person)
    on_face = [_ribbons(strands, shape, fitted) for strands in (brows, beard) if strands is not None]
    grown = grow_hair(person)
    return Figure(
        person,
        shape,
        paint(person),
        place_of(person, backdrop_size),
        None if grown is None else _ribbons(grown, shape, fitted),
        _joined(on_face),
        len(on_face[0].points),
        props.props_of(person, shape),
    )


def pose(figure: Figure, moment: Moment) -> Posed:
    """The positions of a figure at a moment."""
    whole, shape = bust(), figure.shape
    stage = stage_of(moment.pose, figure.person.distance)
    vertices = expressed(shape.vertices, moment, figure.person.lids)
    on_head = head_coordinates(vertices[whole.ids], shape)
    cloth = whole.part == CLOTH
    normals = vertex_normals(on_head * np.array([1, -1, 1], np.float32)) * np.array([1, -1, 1], np.float32)
    loose = 0.05 + 0.06 * np.clip((5.75 - whole.rest[cloth, 1]) / 0.5, 0, 1)
    on_head[cloth] += loose[:, None].astype(np.float32) * normals[cloth]
    at_rest = head_coordinates(shape.vertices[whole.ids], shape)
    face = figure.face_hair
    moved = np.einsum("sk,skc->sc", face.shares, (on_head - at_rest)[face.corners])
    eyes = head_coordinates(eye_centres(vertices), shape)
    one = np.ones(2, np.float32)
    return Posed(
        stage,
        stage.placed(on_head, whole.weight),
        stage.turned(normals, whole.weight),
        face.points + moved[:, None],
        stage.placed(eyes, one),
        stage.turned(_gaze(moment), one),
    )


def _gaze(moment: Moment) -> Floats:
    """(2, 3) unit directions, head coordinates; the eyes converge a little."""
    pose_now = moment.pose
    sideways, down = 0.42 * pose_now.gaze_x, 0.30 * pose_now.gaze_y
    axes = np.array([[np.tan(sideways + inward), np.tan(down), 1.0] for inward in (0.02, -0.02)])
    unit: Floats = (axes / np.linalg.norm(axes, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _fit(shape: Shape) -> Floats:
    """(4, 3): the affine map that takes the base mesh's scalp to the person's, for (x, y, z, 1)."""
    whole = bust()
    scalp = (whole.part == 0) & (whole.rest[:, 1] > 7.3) & (whole.regions[:, 2] < 0.3)
    here = np.column_stack([whole.rest[scalp], np.ones(int(scalp.sum()))])
    there = shape.vertices[whole.ids[scalp]]
    solution: Floats = np.linalg.lstsq(here, there, rcond=None)[0].astype(np.float32)
    return solution


def _ribbons(strands: Strands, shape: Shape, fitted: Floats) -> Ribbons:
    """Strands carried from the base mesh to a person: by the affine map, and exactly at their roots."""
    whole = bust()
    points, roots = strands.points, strands.roots
    carried = points @ fitted[:3] + fitted[3]
    root = np.einsum("sk,skc->sc", roots.shares, shape.vertices[whole.ids[roots.corners]])
    fade = np.exp(-np.linalg.norm(points - points[:, :1], axis=-1, keepdims=True) / 1.2)
    carried += (root - carried[:, 0])[:, None] * fade
    on_head = head_coordinates(carried, shape).astype(np.float32)
    # Hair faces away from the middle of the head, and strands of one lock a little differently.
    middle = head_coordinates(np.array([0, 7.45, 0.45]) @ fitted[:3] + fitted[3], shape)
    outward = on_head - middle
    outward[..., 1] = np.minimum(outward[..., 1], 0.25)
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True) + 1e-6
    return Ribbons(
        on_head,
        outward.astype(np.float32),
        0.5 * strands.width / shape.unit,
        strands.shade,
        strands.depth,
        head_weight(points.reshape(-1, 3)).reshape(points.shape[:2]),
        roots.corners,
        roots.shares,
    )


def _joined(parts: list[Ribbons]) -> Ribbons:
    """Joins ribbons; shorter ones repeat their tip until all have equally many points."""
    steps = max(part.points.shape[1] for part in parts)

    def padded(values: Floats) -> Floats:
        wanted = steps - values.shape[1]
        return np.concatenate([values, *[values[:, -1:]] * wanted], axis=1) if wanted else values

    fields = []
    for name in Ribbons._fields:
        values = [getattr(part, name) for part in parts]
        fields.append(np.concatenate([padded(v) if name in {"points", "outward", "weight"} else v for v in values]))
    return Ribbons(*fields)
