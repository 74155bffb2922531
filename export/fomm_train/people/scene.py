"""A figure on the graphics device: vertices, triangles, textures, and their motion."""

from typing import Any, NamedTuple

import numpy as np

from fomm_train.people.assets import Floats, Integers
from fomm_train.people.bust import CLOTH, EYE, LASH, SKIN, TEETH, TONGUE, bust
from fomm_train.people.figure import Figure, Posed, Ribbons
from fomm_train.people.graphics import Graphics
from fomm_train.people.light import Light
from fomm_train.people.person import CLOTH_PATTERNS, CLOTHES
from fomm_train.people.props import COLLAR, FRAME, LENS, Prop
from fomm_train.people.skin import RELIEF

_KINDS = {SKIN: "skin", EYE: "eye", TEETH: "teeth", TONGUE: "tongue", CLOTH: "cloth", LASH: "lash"}
_PROP_KINDS = {FRAME: "frame", COLLAR: "cloth", LENS: "lens"}


class Batch(NamedTuple):
    """One draw call.

    Attributes:
        name: bust, hair, brows, beard or the number of a prop.
        kind: The program that draws it.
        triangles: (T, 3), of the vertices that move together.
        moving: Buffer of the values that change with the moment.
        array: Vertex array for pictures.
        named: Vertex array for depths and numbers of triangles.
    """

    name: str
    kind: str
    triangles: Integers
    moving: Any
    array: Any
    named: Any


class Scene(NamedTuple):
    """A figure on the graphics device; textures by sampler."""

    figure: Figure
    batches: list[Batch]
    textures: dict[str, Any]


def build_scene(graphics: Graphics, figure: Figure, open_air: Floats) -> Scene:
    """Copies a figure to the device; lenses are drawn last, because they are transparent."""
    face, split = figure.face_hair, figure.beard_from
    batches = bust_batches(graphics, open_air)
    batches += [_prop_batch(graphics, prop) for prop in figure.props if prop.part != LENS]
    if figure.hair is not None:
        batches.append(_strands_batch(graphics, "hair", figure.hair))
    batches.append(_strands_batch(graphics, "brows", face.kept(slice(split))))
    if split < len(face.points):
        batches.append(_strands_batch(graphics, "beard", face.kept(slice(split, None))))
    batches += [_prop_batch(graphics, prop) for prop in figure.props if prop.part == LENS]
    textures = {
        "skin_colour": graphics.texture(figure.skin.colour),
        "skin_relief": graphics.texture(figure.skin.relief),
        "backdrop": graphics.texture(figure.place.backdrop),
    }
    return Scene(figure, batches, textures)


def move_scene(scene: Scene, posed: Posed) -> None:
    """Moves everything to its position at a moment; the device moves the hair of the head."""
    figure = scene.figure
    props = {str(prop.part): prop for prop in figure.props}
    scene.batches[0].moving.write(np.column_stack([posed.place, posed.normal]).astype("f4").tobytes())
    for batch in scene.batches:
        if batch.name in props:
            batch.moving.write(_prop_vertices(props[batch.name], posed).tobytes())
        elif batch.name in {"brows", "beard"}:
            split = figure.beard_from
            part = slice(split) if batch.name == "brows" else slice(split, None)
            batch.moving.write(_strand_vertices(posed.face_hair[part]).tobytes())


def bust_batches(graphics: Graphics, open_air: Floats) -> list[Batch]:
    """The bust, one draw call for each material."""
    whole = bust()
    fixed = np.column_stack([whole.rest, whole.part, whole.regions, open_air, whole.texture])
    part = whole.part[whole.triangles[:, 0]]
    kinds = {kind: whole.triangles[part == number] for number, kind in _KINDS.items()}
    return _surface_batches(graphics, "bust", fixed, kinds)


def _prop_batch(graphics: Graphics, prop: Prop) -> Batch:
    count = len(prop.points)
    part = np.full(count, prop.part)
    fixed = np.column_stack([prop.rest, part, np.zeros((count, 4)), np.full(count, 0.9), np.zeros((count, 2))])
    return _surface_batches(graphics, str(prop.part), fixed, {_PROP_KINDS[prop.part]: prop.triangles})[0]


def _surface_batches(graphics: Graphics, name: str, fixed: Floats, kinds: dict[str, Integers]) -> list[Batch]:
    moving = graphics.moving_buffer(len(fixed))
    attributes = "in_rest", "in_part", "in_regions", "in_open", "in_texture"
    layout = [
        (moving, "3f 3f", "in_place", "in_normal"),
        (graphics.buffer(fixed), "3f 1f 4f 1f 2f", *attributes),
    ]
    batches = []
    for kind, own in kinds.items():
        named = "named_neckline" if name == "bust" and kind in {"skin", "cloth"} else "named"
        batches.append(Batch(name, kind, own, moving, *graphics.arrays((kind, named), layout, own)))
    return batches


def _strands_batch(graphics: Graphics, name: str, ribbons: Ribbons) -> Batch:
    count, steps = ribbons.points.shape[:2]
    each = np.ones((count, steps), np.float32)
    along = each * np.linspace(0, 1, steps, dtype=np.float32)
    sides = []
    for side in (-1, 1):
        half_width, shade, layer = side * ribbons.half_width, ribbons.shade, ribbons.layer
        strand = np.stack([half_width[:, None] * each, along, shade[:, None] * each, layer[:, None] * each], axis=-1)
        sides.append(np.concatenate([ribbons.outward, strand, ribbons.weight[..., None]], axis=-1))
    fixed = np.stack(sides, axis=2).reshape(-1, 8)
    strands, step = np.meshgrid(np.arange(count), np.arange(steps - 1), indexing="ij")
    first = 2 * (strands * steps + step)
    triangles = np.stack([first, first + 1, first + 3, first, first + 3, first + 2], -1).reshape(-1, 3)
    moving = graphics.moving_buffer(len(fixed))
    moving.write(_strand_vertices(ribbons.points).tobytes())
    layout = [
        (moving, "3f 3f", "in_point", "in_tangent"),
        (graphics.buffer(fixed), "3f 4f 1f", "in_outward", "in_strand", "in_weight"),
    ]
    return Batch(name, "strands", triangles, moving, *graphics.arrays(("strands", "named_strands"), layout, triangles))


def _strand_vertices(points: Floats) -> Floats:
    """(S, K, 3) -> (S · K · 2, 6): each point twice, with its tangent."""
    both = np.concatenate([points, np.gradient(points, axis=1)], axis=-1).astype(np.float32)
    return np.repeat(both.reshape(-1, 6), 2, axis=0)


def _prop_vertices(prop: Prop, posed: Posed) -> Floats:
    """(N, 6): place and normal; cloth and glass face the camera on both sides."""
    placed = posed.stage.placed(prop.points, prop.weight)
    corners = placed[prop.triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(placed)
    for corner in range(3):
        np.add.at(normals, prop.triangles[:, corner], facing)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    if prop.part in {LENS, COLLAR}:
        normals *= np.where(normals[:, 2:] < 0, -1, 1)
    return np.column_stack([placed, normals]).astype(np.float32)


def stage_uniforms(posed: Posed) -> dict[str, Any]:
    """Positions of head, torso and eyes at a moment."""
    stage = posed.stage
    head, torso = (np.vstack([affine, [0, 0, 0, 1]]).T for affine in (stage.head, stage.torso))
    return {
        "stage": (stage.x, stage.y, stage.unit, stage.distance),
        "head": head,
        "torso": torso,
        "head_turn": stage.head[:, :3].T,
        "eye_left_place": posed.eyes[0],
        "eye_right_place": posed.eyes[1],
        "gaze_left": posed.gaze[0],
        "gaze_right": posed.gaze[1],
    }


def light_uniforms(light: Light) -> dict[str, Any]:
    """Fields of a light by their names in the shaders."""
    renamed = {"lobe_directions": "lobe_direction", "lobe_colours": "lobe_colour"}
    return {renamed.get(name, name): value for name, value in light._asdict().items()}


def look_uniforms(figure: Figure) -> dict[str, Any]:
    """Colours and sizes of a person."""
    person, skin = figure.person, figure.skin
    rng = person.rng(10)
    scale = rng.uniform(2, 9)
    return {
        "skin_base": skin.base,
        "lip_colour": skin.lips,
        "gloss_lips": 0.35 + 0.6 * person.make_up * rng.random(),
        "iris_colour": person.iris,
        "iris_size": float(rng.uniform(0.49, 0.55)),
        "pupil_size": float(rng.uniform(0.15, 0.27)),
        "redness": float(rng.uniform(0.1, 0.9)),
        "cloth_colour": person.cloth,
        "second_cloth": person.second_cloth,
        "lash_colour": np.minimum(np.array(person.brow_colour) * (0.6 - 0.45 * person.make_up), 0.05),
        "frame_colour": person.frame,
        "relief": 1.1 * RELIEF,
        "neckline": CLOTHES.index(person.clothes),
        "pattern": CLOTH_PATTERNS.index(person.cloth_pattern),
        "pattern_scale": (scale, scale),
        "tint": 0.86 if person.glasses == "sun" else 0.0,
    }
