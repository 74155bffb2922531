"""Finds every face in a picture.

The full-range detector proposes faces, some of them wrong. The short-range detector then examines each proposal, turned
so that the eyes are level; this drops wrong proposals and places the face more exactly. If the whole picture shows no
face, it is searched again, turned by 90° and 180°, for people who lie or hang; then overlapping tiles of half its side
are searched for small faces.

The constants were tuned on drawn scenes, paintings and videos; `benchmarks/studies/faces.py` measures their result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fomm_rt.faces.blazeface import FULL_RANGE, SHORT_RANGE, Detections
from fomm_rt.faces.face import Face, eye_line_deg
from fomm_rt.faces.windows import Window
from fomm_rt.image import Frame, Image, check_image, pixels_of

PROPOSAL_SCORE = 0.3
LOOK_SCORE, TILE_LOOK_SCORE = 0.6, 0.7
"""Lowest scores of the short-range detector that make a proposal of the whole picture, or of a tile, a face."""
LOOK_SIDE = 3.0
"""Side of the window around a proposal, in sides of the proposed box."""
LOOK_OFFSET, LOOK_RATIO = 0.3, 2.0
"""How far, in sides of the proposed box, and by what factor a face may differ from its proposal."""
LARGEST_TURN_DEG = 15.0
"""If the second look leaves more roll than this, a third look follows with the eyes level."""
SAME_FACE = 0.4
"""Faces nearer than this, in heights of the larger one, are the same."""

# A box spans the brows to the chin; a face begins at the forehead. Fitted to boxes that people drew (WIDER FACE).
HEIGHT_OF_BOX = 1.174
RISE_OF_BOX = 0.098


def find_faces(picture: Image | Frame) -> list[Face]:
    """Finds the faces in a picture, (H, W, 3) uint8 RGB, the most prominent first; an empty list if there are none.

    Finds faces from about 5 % of the longer side, at any roll, in photographs, paintings and drawings.

    Raises:
        ImageError: Not such an array.
    """
    pixels = pixels_of(picture)
    check_image(pixels)
    whole = Window.around(pixels)
    faces = _faces_in(pixels, [whole], LOOK_SCORE)
    if not faces:
        faces = _faces_in(pixels, [replace(whole, angle_deg=angle) for angle in (90.0, -90.0, 180.0)], LOOK_SCORE)
    if not faces:
        faces = _faces_in(pixels, list(_tiles(pixels)), TILE_LOOK_SCORE)
    return sorted(faces, key=lambda face: -face.prominence)


def look(picture: Image, window: Window, min_score: float) -> Iterator[Face]:
    """Yields the faces that the short-range detector sees in a window, best first."""
    side = SHORT_RANGE.side
    found = SHORT_RANGE.detect(window.cut(picture, side)[None], min_score)[0]
    for index in range(len(found)):
        yield face_of(found, index, window, side)


def face_of(found: Detections, index: int, window: Window, size: int) -> Face:
    """The face of a short-range detection in a cut of `size` pixels, in coordinates of the picture."""
    points = window.to_picture(found.points[index], size)
    box = float(found.sizes[index, 1]) * window.side / size
    across = points[1] - points[0]
    length = float(np.hypot(*across))
    # The forehead lies at a right angle to the line of the eyes, towards the upper side of an upright face.
    up = np.array([across[1], -across[0]]) / length if length > 0 else np.array([0.0, -1.0])
    x, y = window.to_picture(found.centres[index], size) + RISE_OF_BOX * box * up
    return Face(float(found.scores[index]), (float(x), float(y)), HEIGHT_OF_BOX * box, points)


def _faces_in(picture: Image, windows: list[Window], min_score: float) -> list[Face]:
    side = FULL_RANGE.side
    cuts = np.stack([window.cut(picture, side) for window in windows])
    faces = []
    for window, found in zip(windows, FULL_RANGE.detect(cuts, PROPOSAL_SCORE), strict=True):
        for index in range(len(found)):
            face = _confirm(picture, window, found, index, min_score)
            if face is not None:
                faces.append(face)
    return _distinct(faces)


def _confirm(picture: Image, window: Window, found: Detections, index: int, min_score: float) -> Face | None:
    """The face at a proposal, if a second look with level eyes agrees with it."""
    points = window.to_picture(found.points[index], FULL_RANGE.side)
    box = float(found.sizes[index].max()) * window.side / FULL_RANGE.side
    if box <= 0:
        return None
    x, y = window.to_picture(found.centres[index], FULL_RANGE.side)
    level = Window((float(x), float(y)), LOOK_SIDE * box, eye_line_deg(points))
    face = _look_closely(picture, level, PROPOSAL_SCORE)
    if face is not None and abs(_turn_deg(level.angle_deg, face.roll_deg)) > LARGEST_TURN_DEG:
        # The eyes were not level, which lowers the score and displaces the box.
        level = Window(face.centre, LOOK_SIDE / HEIGHT_OF_BOX * face.height, face.roll_deg)
        face = _look_closely(picture, level, PROPOSAL_SCORE)
    return face if face is not None and face.score >= min_score else None


def _look_closely(picture: Image, level: Window, min_score: float) -> Face | None:
    """The best face in a window around a proposal; None if none has the proposal's place and size."""
    side = SHORT_RANGE.side
    seen = SHORT_RANGE.detect(level.cut(picture, side)[None], min_score)[0]
    proposed = side / LOOK_SIDE
    for candidate in range(len(seen)):
        offset = float(np.hypot(*(seen.centres[candidate] - side / 2))) / proposed
        ratio = float(seen.sizes[candidate].max()) / proposed
        if offset <= LOOK_OFFSET and 1 / LOOK_RATIO <= ratio <= LOOK_RATIO:
            return face_of(seen, candidate, level, side)
    return None


def _turn_deg(start: float, end: float) -> float:
    """The shorter way from one angle to another, within ±180."""
    return (end - start + 180) % 360 - 180


def _distinct(faces: list[Face]) -> list[Face]:
    """Drops faces found twice; the larger one stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.height):
        if all(np.hypot(*np.subtract(face.centre, other.centre)) > SAME_FACE * other.height for other in kept):
            kept.append(face)
    return kept


def _tiles(picture: Image) -> Iterator[Window]:
    """Yields overlapping squares that cover the picture, of half its longer side."""
    height, width = picture.shape[:2]
    side = max(height, width) / 2
    for y in _spread(height, side):
        for x in _spread(width, side):
            yield Window((x, y), side)


def _spread(length: float, side: float) -> list[float]:
    """Centres of overlapping intervals of a side that cover a length."""
    if length <= side:
        return [length / 2]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return [float(centre) for centre in np.linspace(side / 2, length - side / 2, count)]
