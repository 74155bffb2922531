"""Paints ears and earrings."""

from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import Canvas, ramp
from fomm_train.faces.drawing.shading import FUR, GLOSSY, SKIN, Light, column, shade, tint
from fomm_train.faces.drawing.surface import look_at
from fomm_train.faces.hair_shape import LOOSE
from fomm_train.faces.head_shape import ear_solid
from fomm_train.faces.identity import Identity
from fomm_train.faces.palettes import mixed
from fomm_train.faces.solids import Solid, solid

GOLD = (0.95, 0.78, 0.36)


def are_floppy(identity: Identity) -> bool:
    """True if the ears hang before the face."""
    return identity.species == "dog"


def lay_ears(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """Lays both ears; loose hair hides them."""
    if identity.species == "human" and identity.hair in LOOSE:
        return
    for side in (-1.0, 1.0):
        _lay_ear(canvas, view, identity, side, light)


def _lay_ear(canvas: Canvas, view: View, identity: Identity, side: float, light: Light) -> None:
    sight = look_at(canvas, view, ear_solid(identity, side))
    if sight is None:
        return
    normal, distance = sight.surface.normal, sight.surface.distance
    human = identity.species == "human"
    if human:
        tone = mixed(identity.skin, (0.8, 0.3, 0.25), 0.12)
        inner = mixed(identity.skin, (0.55, 0.2, 0.18), 0.35)
        inset = ramp(distance, 0.045, 0.075)
    else:
        dark = mixed(identity.skin, (0.2, 0.12, 0.08), 0.45)
        tone = {"panda": identity.marking, "dog": dark}.get(identity.species, identity.skin)
        inner = identity.inner_ear
        inset = ramp(distance, 0.05, 0.10) * (0 if are_floppy(identity) else 1)
    inset = inset * ramp(sight.patch().z, -0.2, -0.08)
    albedo = column(tone, canvas.device).expand_as(normal).clone()
    tint(albedo, inner, 0.8 * inset)
    sight.lay(canvas, shade(albedo, normal, light, SKIN if human else FUR, 1 - 0.28 * inset), 0.003)
    if human and identity.earrings:
        earring = solid([((side * identity.head_width, 0.36, -0.04), (0.045, 0.045, 0.045))])
        lay_glossy(canvas, view, earring, column(GOLD, canvas.device), light)


def lay_glossy(canvas: Canvas, view: View, body: Solid, albedo: Tensor, light: Light) -> None:
    """Lays a glossy solid of one (3, 1, 1) linear colour on the head."""
    sight = look_at(canvas, view, body)
    if sight is not None:
        sight.lay(canvas, shade(albedo, sight.surface.normal, light, GLOSSY), 0.004)
