"""The square of a camera's picture that drives the avatar: around the face, or set by hand."""

from __future__ import annotations

from dataclasses import dataclass

from fomm_rt.faces.dead_zone import DeadZoneSquare
from fomm_rt.faces.face import Face
from fomm_rt.faces.follow import FaceFollower
from fomm_rt.faces.squares import square_within
from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.live.controls.state import Crop

SEARCH_INTERVAL = 5
"""Frames between two searches of the whole picture while there is no face. A search takes as long as several frames."""


@dataclass(frozen=True)
class Cropped:
    """The square and the face of a camera frame.

    Attributes:
        square: The square to use.
        face: The face in the picture; None if there is none, or if faces are not searched.
    """

    square: Region
    face: Face | None


class LiveCrop:
    """Finds the square in successive camera frames.

    Args:
        face_margin: Side of the square in face heights; None for a model that was not trained on faces: then the square
            is set by hand, and faces are not searched.
    """

    def __init__(self, face_margin: float | None) -> None:
        self._face_margin = face_margin
        self._shape: tuple[int, ...] = ()
        self.reset()

    @property
    def looks_for_faces(self) -> bool:
        """True if faces are searched, so a missing face means that nobody is in front of the camera."""
        return self._face_margin is not None

    def reset(self) -> None:
        """Forgets the face that was followed."""
        self._follower = FaceFollower(search_interval=SEARCH_INTERVAL)
        self._dead_zone = None if self._face_margin is None else DeadZoneSquare(self._face_margin)
        self._around_face: Region | None = None

    def __call__(self, picture: Image, crop: Crop) -> Cropped:
        """Finds the square of the next picture, (H, W, 3) uint8 RGB. While the face is lost, the square stays."""
        height, width = picture.shape[:2]
        if picture.shape != self._shape:  # a camera that changed its format
            self._shape = picture.shape
            self.reset()
        face = None
        if self._dead_zone is not None:
            face = self._follower(picture)
            if face is not None:
                self._around_face = self._dead_zone(face, height, width)
        if crop.follows_face and self._around_face is not None:
            base = self._around_face
        else:
            base = square_within((width / 2, height / 2), min(height, width), height, width)
        return Cropped(_corrected(base, crop, height, width), face)


def _corrected(base: Region, crop: Crop, height: int, width: int) -> Region:
    """The square, enlarged and moved by hand."""
    if (crop.zoom, crop.x, crop.y) == (1.0, 0.0, 0.0):
        return base
    side = base.side / crop.zoom
    centre = base.x + base.side / 2 + crop.x * side, base.y + base.side / 2 + crop.y * side
    return square_within(centre, side, height, width)
