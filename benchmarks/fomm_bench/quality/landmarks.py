"""Facial landmarks of a prediction against those of the true frame, found by a detector that is no part of the model.

The paper's average keypoint distance in kind: a detector finds eyes, tip of the nose, mouth and ears in both frames.
Both are searched in the same way from the same place, so equal frames have a distance of 0. What the detector finds
depends a little on where the face lies in its window. So windows are centred on the face, and landmarks are means over
several of them. `benchmarks/studies/faces.py` measures the error that is left.

Source: Siarohin et al. 2019, section 4 (average keypoint distance, missing keypoint rate).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fomm_rt.faces.face import Face
from fomm_rt.faces.follow import FOLLOWED_SCORE, WINDOW_SIDE, FaceFollower
from fomm_rt.faces.search import look
from fomm_rt.faces.windows import Window
from fomm_rt.image import Image

WINDOW_OFFSETS = ((0.0, 0.0), (0.06, 0.06), (-0.06, 0.06), (0.06, -0.06), (-0.06, -0.06))
"""Of the windows from the centre of the face, (x, y) in face heights."""

Points = NDArray[np.float32]
"""(6, 2), the landmarks of `fomm_rt.faces.face.POINT_NAMES` as (x, y) in pixels."""


@dataclass(frozen=True)
class LandmarkQuality:
    """The face of one predicted frame against that of the true one.

    Attributes:
        face_missing: True if the true frame shows a face and the prediction does not; None without a true face.
        landmark_px: Mean distance between the six landmarks of both faces, in pixels; None without two faces.
        landmark_eye_distances: The same divided by the distance between the true eyes.
    """

    face_missing: bool | None = None
    landmark_px: float | None = None
    landmark_eye_distances: float | None = None


@dataclass(frozen=True, eq=False)
class TrueFace:
    """A face of a true frame: where to look for it, and its landmarks."""

    place: Face
    points: Points

    def compare(self, prediction: Image) -> LandmarkQuality:
        """Looks for the face in a prediction, (S, S, 3) uint8."""
        found = _landmarks(prediction, self.place)
        if found is None:
            return LandmarkQuality(face_missing=True)
        distance_px = float(np.linalg.norm(found - self.points, axis=1).mean())
        eye_distance_px = float(np.linalg.norm(self.points[1] - self.points[0]))
        return LandmarkQuality(False, distance_px, distance_px / eye_distance_px if eye_distance_px > 0 else None)


class TrueFaces:
    """Follows the most prominent face through the true frames of a clip."""

    def __init__(self) -> None:
        self._follower = FaceFollower()

    def __call__(self, frame: Image) -> TrueFace | None:
        """Finds the face of the next frame, (S, S, 3) uint8; None if there is none."""
        place = self._follower(frame)
        points = None if place is None else _landmarks(frame, place)
        return None if place is None or points is None else TrueFace(place, points)


def compare_landmarks(true_face: TrueFace | None, prediction: Image) -> LandmarkQuality:
    """Compares a prediction, (S, S, 3) uint8, with the face of its true frame, if that has one."""
    return LandmarkQuality() if true_face is None else true_face.compare(prediction)


def _landmarks(picture: Image, place: Face) -> Points | None:
    """The landmarks of the face that is nearest to a place; None if the detector sees none there."""
    found = _look(picture, place.centre, place)
    if found is None:
        return None
    centres = np.add(found.centre, np.multiply(WINDOW_OFFSETS, place.height))
    seen = [face.points for x, y in centres if (face := _look(picture, (float(x), float(y)), place)) is not None]
    return np.asarray(np.mean(seen, axis=0), np.float32) if seen else None


def _look(picture: Image, centre: tuple[float, float], place: Face) -> Face | None:
    """The face nearest to the centre of a window that suits the size of a face."""
    faces = look(picture, Window(centre, WINDOW_SIDE * place.height), FOLLOWED_SCORE)
    return min(faces, key=lambda face: float(np.hypot(*np.subtract(face.centre, centre))), default=None)
