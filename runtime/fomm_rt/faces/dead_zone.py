"""A square that follows a face in a camera's frames without shaking.

The networks would take a moving square for a moving head. So the square rests while the face stays near its centre, and
glides to the face when it has moved too far.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fomm_rt.faces.face import Face
from fomm_rt.faces.squares import DEFAULT_MARGIN, square_within
from fomm_rt.framing import Region
from fomm_rt.motion.keypoints import Keypoints

NEW_SHARE = 0.3
"""Share of the newest face in the running mean of faces."""
REST_OFFSET, REST_RATIO = 0.15, 0.15
"""Offset in face heights, and change of size, that leave the square at rest."""
GLIDE = 0.12
"""Share of the remaining way that the square moves in a frame."""
ARRIVED = 0.03
"""Remaining way in face heights at which the square rests again."""


class DeadZoneSquare:
    """The square for successive frames; `margin` is its side in face heights."""

    def __init__(self, margin: float = DEFAULT_MARGIN) -> None:
        self._margin = margin
        self._mean: NDArray[np.float64] | None = None  # x, y, height of the face, averaged over frames
        self._square: NDArray[np.float64] | None = None  # x, y, height that the square is made for
        self._glides = False

    def __call__(self, face: Face, height: int, width: int) -> Region:
        """The square for the next frame, which shows this face; `height` and `width` are those of the frame."""
        new = np.array([*face.centre, face.height])
        if self._mean is None or self._square is None:
            self._mean, self._square = new, new
        self._mean = (1 - NEW_SHARE) * self._mean + NEW_SHARE * new
        way = self._mean - self._square
        offset, change = float(np.hypot(*way[:2])) / self._mean[2], abs(way[2]) / self._square[2]
        if self._glides:
            self._glides = max(offset, change) > ARRIVED
        else:
            self._glides = offset > REST_OFFSET or change > REST_RATIO
        if self._glides:
            self._square = self._square + GLIDE * way
        x, y, side = self._square
        return square_within((float(x), float(y)), self._margin * float(side), height, width)


def moved_keypoints(keypoints: Keypoints, old: Region, new: Region, size: int) -> Keypoints:
    """Keypoints found in one square of a camera's picture, as they would be found in another square of it.

    Use this to move the reference with the square; otherwise the moved square would animate the source.

    Args:
        keypoints: Found in the square `old`.
        old, new: Squares of the same picture.
        size: Side of the model's frames in pixels.
    """
    scale = np.float32(old.side / new.side)
    # Keypoints of -1 and 1 lie at the centres of corner pixels, half a pixel of the model's frame inside the square.
    half = (size - 1) / size * new.side / 2
    shift = [(o - n + (old.side - new.side) / 2) / half for o, n in ((old.x, new.x), (old.y, new.y))]
    jacobian = None if keypoints.jacobian is None else keypoints.jacobian * scale
    return Keypoints(keypoints.value * scale + np.array(shift, np.float32), jacobian)
