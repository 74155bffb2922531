"""The squares of the source picture that are animated."""

from __future__ import annotations

from typing import Literal

from fomm_rt.errors import ImageError
from fomm_rt.faces.framing import AnyFraming, FaceFraming, resolve_framing
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import DEFAULT_MARGIN, face_square, framing_of
from fomm_rt.framing import Framing
from fomm_rt.image import Image

Faces = int | Literal["all"]
"""How many faces of the source are animated, the most prominent ones; or all."""


def find_source_framings(
    picture: Image, framing: AnyFraming, model_margin: float | None, faces: Faces
) -> tuple[Framing, ...]:
    """Finds the squares of a picture, (H, W, 3) uint8 RGB, the most prominent face first.

    Args:
        picture: The source.
        framing: Decides for one face. More than one are found whatever it says of the face's number.
        model_margin: Margin of the model; None if it was not trained on faces.
        faces: Number of faces.

    Raises:
        ImageError: The framing lies outside the picture, or it shows fewer faces.
    """
    if faces == 1:
        return (resolve_framing(framing, picture, model_margin),)
    if not isinstance(framing, FaceFraming):
        raise ImageError("several faces are found by themselves; leave out the crop of the source")
    margin = framing.margin or model_margin or DEFAULT_MARGIN
    found = find_faces(picture)
    if not found or (faces != "all" and len(found) < faces):
        count = f"{len(found) or 'no'} face{'s' * (len(found) != 1)}"
        expected = "at least one" if faces == "all" else f"one for each of {faces} drivers"
        raise ImageError(f"the source shows {count}; expected {expected}. fomm-rt faces shows what is found")
    chosen = found if faces == "all" else found[:faces]
    height, width = picture.shape[:2]
    return tuple(framing_of(face_square(face, height, width, margin)) for face in chosen)
