"""Paints skull and face with their features."""

from torch import Tensor

from fomm_train.faces import anatomy, head_shape
from fomm_train.faces.camera import View
from fomm_train.faces.drawing import eyes, mouth, skin
from fomm_train.faces.drawing.canvas import Canvas, Window, ramp
from fomm_train.faces.drawing.ears import lay_glossy
from fomm_train.faces.drawing.hair import hairline_distance
from fomm_train.faces.drawing.shading import FUR, SKIN, Light, column, shade
from fomm_train.faces.drawing.skin import blob
from fomm_train.faces.drawing.surface import Patch, look_at
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed
from fomm_train.faces.pose import Pose
from fomm_train.faces.solids import Vector


def lay_head(canvas: Canvas, view: View, identity: Identity, pose: Pose, light: Light) -> None:
    """Lays skull and face at a pose."""
    sight = look_at(canvas, view, head_shape.head_solid(identity, pose))
    if sight is None:
        return
    patch, normal = sight.patch(), sight.surface.normal
    lips = anatomy.mouth(identity, pose)
    albedo = skin.albedo_of(patch, identity, lips)
    open_air = _open_air(patch, identity)
    pair = [anatomy.eye(identity, pose, side) for side in (-1.0, 1.0)]
    boxes = [(eye, box) for eye in pair if (box := _eye_box(canvas, view, sight.window, eye))]
    for eye, box in boxes:
        eyes.shape_lids(patch.cut(*box), identity, eye, *(field[(..., *box)] for field in (albedo, normal, open_air)))
    human = identity.species == "human"
    colour = shade(albedo, normal, light, SKIN if human else FUR, open_air)
    for eye, box in boxes:
        eyes.paint(patch.cut(*box), identity, pose, eye, light, colour[(..., *box)])
        eyes.paint_brow(patch.cut(*box), identity, pose, eye, light, colour[(..., *box)])
    if box := _mouth_box(canvas, view, sight.window, lips):
        mouth.paint(patch.cut(*box), identity, lips, light, normal[(..., *box)], colour[(..., *box)])
    sight.lay(canvas, colour, 0.003 if human else 0.012)
    if not human:
        pad = mixed(identity.inner_ear, (0.12, 0.09, 0.10), 0.2 if identity.species in {"cat", "rabbit"} else 0.92)
        lay_glossy(canvas, view, head_shape.nose_pad_solid(identity), column(pad, canvas.device), light)


def _open_air(patch: Patch, identity: Identity) -> Tensor:
    """(h, w): 1 in the open, less below the nose, beside it, at the temples and along the hairline."""
    air = 1 - 0.20 * ramp(patch.y, 0.72, 1.05)
    if identity.species == "human":
        n, width = identity.nose_length, identity.nose_width
        air *= 1 - 0.26 * blob(patch, 0, n + 0.115, 0.12, 0.035) * patch.front
        for side in (-1.0, 1.0):
            air *= 1 - 0.60 * blob(patch, side * 0.46 * width, n + 0.068, 0.27 * width, 0.020) * patch.front
            air *= 1 - 0.12 * blob(patch, side * 1.45 * width, n + 0.02, 0.05, 0.09) * patch.front
        if identity.hair != "bald":
            air *= 1 - 0.34 * ramp(hairline_distance(patch, identity), -0.16, 0.01)
    return air


Box = tuple[slice, slice]
"""Rows and columns of a window."""


def _eye_box(canvas: Canvas, view: View, window: Window, eye: anatomy.Eye) -> Box | None:
    wide = 1.55 * eye.half_width
    high = (eye.x + wide, eye.y + 1.6 * eye.half_width, 0.85)
    return _box(canvas, view, window, (eye.x - wide, eye.y - 0.50, 0.25), high)


def _mouth_box(canvas: Canvas, view: View, window: Window, lips: anatomy.Mouth) -> Box | None:
    wide = 1.35 * lips.half_width
    return _box(canvas, view, window, (-wide, lips.y - 0.28, 0.45), (wide, lips.y + lips.gap + 0.18, 0.95))


def _box(canvas: Canvas, view: View, window: Window, low: Vector, high: Vector) -> Box | None:
    """The part of a window that holds a block of head coordinates; None if the block lies outside."""
    middle = [0.5 * (a + b) for a, b in zip(low, high, strict=True)]
    half = [0.5 * (b - a) for a, b in zip(low, high, strict=True)]
    u, v = (float(sum(row[c] * middle[c] for c in range(3))) for row in view.rotation[:2])
    wide, tall = (float(sum(abs(row[c]) * half[c] for c in range(3))) for row in view.rotation[:2])
    inner = canvas.window(view, (u - wide, v - tall, u + wide, v + tall))
    if inner is None:
        return None
    rows = _overlap(inner.rows, window.rows)
    columns = _overlap(inner.columns, window.columns)
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _overlap(inner: slice, outer: slice) -> slice:
    """The common part of two slices, counted from the start of the outer one."""
    return slice(max(inner.start, outer.start) - outer.start, min(inner.stop, outer.stop) - outer.start)
