"""Framing by the face: the square around a face, as the model's training clips were cut."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from fomm_rt.errors import ImageError
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import face_square, framing_of
from fomm_rt.framing import Framing
from fomm_rt.image import Image, check_image, pixels_of

_log = logging.getLogger("fomm_rt")

LARGEST_MARGIN = 20
ON_DEVICE = ("__cuda_array_interface__", "__dlpack__")
"""Attributes of arrays on a GPU."""


@dataclass(frozen=True)
class FaceFraming:
    """Cut the square around a face; if there is none, the largest centred square.

    Attributes:
        margin: Side of the square in face heights. By default that of the model's training; the centred square for a
            model that was not trained on faces.
        face: Number of the face, from 1: `find_faces` lists the most prominent one first.
    """

    margin: float | None = None
    face: int = 1

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 < self.margin <= LARGEST_MARGIN:
            raise ImageError(f"expected a margin above 0, at most {LARGEST_MARGIN} face heights; got {self.margin}")
        if not isinstance(self.face, int) or self.face < 1:
            raise ImageError(f"expected a face number from 1; got {self.face!r}")

    def around_face(self, picture: Image, model_margin: float | None) -> Framing:
        """The framing of this picture, (H, W, 3) uint8 RGB, for a model with this margin, or None without one.

        Raises:
            ImageError: There are faces, but fewer than the number of this one.
        """
        margin = model_margin if self.margin is None else self.margin
        if margin is None:
            return Framing()
        height, width = picture.shape[:2]
        faces = find_faces(picture)
        if not faces and self.face == 1:
            _log.warning("no face was found in a picture of %d×%d pixels; its centred square is used", width, height)
            return Framing()
        if self.face > len(faces):
            raise ImageError(
                f"there is no face {self.face}: {len(faces)} found, numbered from 1. fomm-rt faces FILE lists them"
            )
        return framing_of(face_square(faces[self.face - 1], height, width, margin))


AnyFraming = Framing | FaceFraming


def resolve_framing(framing: AnyFraming, picture: Any, model_margin: float | None) -> Framing:
    """The framing of one picture, (H, W, 3) uint8 RGB or an object that holds one in `pixels`.

    Raises:
        ImageError: `FaceFraming` was given anything else, for example an array on a GPU.
    """
    if isinstance(framing, Framing):
        return framing
    pixels = pixels_of(picture)
    return framing.around_face(_in_host_memory(pixels), model_margin)


def _in_host_memory(pixels: Any) -> Image:
    if not isinstance(pixels, np.ndarray) and any(hasattr(pixels, name) for name in ON_DEVICE):
        raise ImageError("faces are found in host memory; for frames on a GPU, pass a Framing with a rectangle")
    check_image(pixels)
    image: Image = pixels
    return image


class HeldFraming:
    """The framing of successive driving frames: the square around the face of the first frame is kept.

    If the first frame shows no face, the centred square is kept. For frames of another size, the face is found again.
    """

    def __init__(self, framing: AnyFraming, model_margin: float | None) -> None:
        self.framing = framing
        self._model_margin = model_margin
        self._held: tuple[tuple[int, ...], Framing] | None = None

    def __call__(self, frame: Any) -> Framing:
        """The framing of the next frame; see `resolve_framing`."""
        if isinstance(self.framing, Framing):
            return self.framing
        shape = _in_host_memory(pixels_of(frame)).shape
        if self._held is None or self._held[0] != shape:
            self._held = shape, resolve_framing(self.framing, frame, self._model_margin)
        return self._held[1]

    def reset(self) -> None:
        """Forgets the square; the next frame sets it."""
        self._held = None
