"""The square around a face that the networks see. It is never turned, and never reaches beyond the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fomm_rt.faces.face import Face
from fomm_rt.framing import Framing, Region

DEFAULT_MARGIN = 1.5
"""Side of the square in face heights, as in the training of the published face models."""
TUBE_MARGIN = 1.2 / 1.5
"""Side of a clip's square in sides of its tube, per margin: 1.2 for the published face models, whose training clips
were cut this way (the union of the boxes, enlarged by a fifth)."""
TUBE_PERCENTILES = (2, 98)
"""Quantile of the edges of a clip's boxes, so that a single wrong box does not enlarge the tube."""


def face_square(face: Face, height: int, width: int, margin: float = DEFAULT_MARGIN) -> Region:
    """The square around a face in a picture of this size.

    Its side is `margin` face heights, at most the picture's shorter side. It is centred on the face, and shifted where
    it would reach beyond the picture.
    """
    return square_within(face.centre, margin * face.height, height, width)


def tube_square(faces: Sequence[Face], height: int, width: int, margin: float = DEFAULT_MARGIN) -> Region:
    """One square for all frames of a clip, around the area in which its face moves (the tube).

    Args:
        faces: The face in at least one frame.
        height, width: Of the frames in pixels.
        margin: As for `face_square`.
    """
    boxes = np.array([face.box for face in faces])
    low, high = TUBE_PERCENTILES
    x0, y0 = np.percentile(boxes[:, :2], low, axis=0)
    x1, y1 = np.percentile(boxes[:, :2] + boxes[:, 2:], high, axis=0)
    side = TUBE_MARGIN * margin * max(x1 - x0, y1 - y0)
    return square_within((float(x0 + x1) / 2, float(y0 + y1) / 2), float(side), height, width)


def square_within(centre: tuple[float, float], side: float, height: int, width: int) -> Region:
    """A square of about this centre and side in pixels that lies within a picture of this size."""
    pixels = max(1, min(round(side), height, width))
    x, y = (
        round(min(max(c - pixels / 2, 0), extent - pixels)) for c, extent in zip(centre, (width, height), strict=True)
    )
    return Region(x, y, pixels, pixels, 0, 0, pixels)


def framing_of(square: Region) -> Framing:
    """The framing that cuts a square out of pictures of one size."""
    return Framing(rectangle=(square.x, square.y, square.side, square.side))
