"""One square for all frames of a driving clip, around the tube that the driver's face moves in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import Driving
from fomm_rt.faces.face import Face
from fomm_rt.faces.follow import FaceFollower
from fomm_rt.faces.framing import AnyFraming
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import framing_of, tube_square
from fomm_rt.framing import Framing, Region

_log = logging.getLogger("fomm_rt")

INTERVAL = 10
"""Every tenth frame is searched for a face: a head moves little in a third of a second."""


@dataclass(frozen=True)
class DrivingSquare:
    """Where the driver's face is.

    Attributes:
        square: The square; None if no frame shows a face.
        looked_at, with_face: Number of frames that were searched, and that show the face.
        nearest_before: Number of the last frame searched before the first one with the face; None if frame 0 shows it.
    """

    square: Region | None
    looked_at: int
    with_face: int
    nearest_before: int | None

    @property
    def shows_face_at_once(self) -> bool:
        """True if the first frame shows the face."""
        return self.square is not None and self.nearest_before is None

    @property
    def framing(self) -> Framing:
        """The square as a framing; the largest centred square if there is no face."""
        return Framing() if self.square is None else framing_of(self.square)


def choose_driving_framing(
    framing: AnyFraming, model_margin: float | None, driving: Driving, progress: Callable[[int], None]
) -> tuple[Framing, DrivingSquare | None]:
    """The framing of all frames of a clip, and the driver's face, if it was searched.

    Faces are searched only with `FaceFraming`, for a driver with pictures and a model of faces.
    """
    if isinstance(framing, Framing):
        return framing, None
    margin = framing.margin or model_margin
    if margin is None or driving.weights is not None:
        return Framing(), None
    found = find_driving_square(driving, margin, framing.face, progress)
    if found.square is None:
        what = "no face" if framing.face == 1 else f"no face {framing.face}"
        _log.warning("%s: %s in %d frames; their centred square is used", driving.path, what, found.looked_at)
    return found.framing, found


def find_driving_square(driving: Driving, margin: float, face: int, progress: Callable[[int], None]) -> DrivingSquare:
    """Follows a face through a clip.

    Args:
        driving: Frames with pixels.
        margin: Side of the square in face heights, of a resting face; see `tube_square`.
        face: Number of the face in the first frame that shows so many, from 1, the most prominent one.
        progress: Called with the number of frames decoded.
    """
    follow = FaceFollower()
    found: list[Face] = []
    looked_at, nearest_before, height, width = 0, None, 0, 0
    for frame in driving.sample(INTERVAL):
        assert frame.pixels is not None
        if not found and face > 1:
            faces = find_faces(frame.pixels)
            seen = None
            if len(faces) >= face:
                follow = FaceFollower(faces[face - 1])
                seen = follow(frame.pixels)
        else:
            seen = follow(frame.pixels)
        height, width = frame.pixels.shape[:2]
        if seen is not None:
            found.append(seen)
        elif not found:
            nearest_before = frame.index
        looked_at += 1
        progress(frame.index + 1)
    square = tube_square(found, height, width, margin) if found else None
    return DrivingSquare(square, looked_at, len(found), nearest_before)


@contextmanager
def driving_framed(animator: Animator, framing: Framing) -> Iterator[None]:
    """Changes how an animator frames driving frames, inside the context."""
    before = animator.driving_framing
    animator.driving_framing = framing
    try:
        yield
    finally:
        animator.driving_framing = before
