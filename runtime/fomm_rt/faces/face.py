"""A face in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FACE_ASPECT = 0.76
"""Width of a face's box divided by its height, forehead to chin."""

POINT_NAMES = ("right_eye", "left_eye", "nose_tip", "mouth", "right_ear", "left_ear")
"""The landmarks of a face. Right and left are the person's own, so the right eye of an upright face is on the left."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found in a picture.

    Attributes:
        score: Confidence of the detector, 0 to 1.
        centre: (x, y) in pixels, halfway between forehead and chin.
        height: Forehead to chin in pixels, along the face.
        points: (6, 2) float32, the landmarks of POINT_NAMES as (x, y) in pixels.
    """

    score: float
    centre: tuple[float, float]
    height: float
    points: NDArray[np.float32]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) in pixels: the upright box of the face's ellipse; it may reach beyond the picture."""
        roll = np.radians(self.roll_deg)
        across, along = FACE_ASPECT * self.height, self.height
        width = float(np.hypot(across * np.cos(roll), along * np.sin(roll)))
        height = float(np.hypot(across * np.sin(roll), along * np.cos(roll)))
        return self.centre[0] - width / 2, self.centre[1] - height / 2, width, height

    @property
    def roll_deg(self) -> float:
        """Angle of the line from eye to eye in degrees; positive if the head is turned clockwise in the picture."""
        return eye_line_deg(self.points)

    @property
    def prominence(self) -> float:
        """Score times height: the subject of a picture comes before people in its background."""
        return self.score * self.height


def eye_line_deg(points: NDArray[np.float32]) -> float:
    """Angle in degrees of the line from the right to the left eye of (6, 2) landmarks."""
    across = points[1] - points[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))
