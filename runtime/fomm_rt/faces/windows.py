"""Square windows into a picture: resized for a detector, with coordinates converted back to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fomm_rt.image import Image


@dataclass(frozen=True)
class Window:
    """A square of a picture, turned about its centre; pixels outside the picture are black.

    Attributes:
        centre: (x, y) in pixels.
        side: In pixels.
        angle_deg: Angle of its upper edge; positive is clockwise.
    """

    centre: tuple[float, float]
    side: float
    angle_deg: float = 0.0

    @classmethod
    def around(cls, picture: Image) -> Window:
        """The smallest window that holds a whole picture."""
        height, width = picture.shape[:2]
        return cls((width / 2, height / 2), max(width, height))

    def cut(self, picture: Image, size: int) -> Image:
        """Resizes the window to (size, size, 3) uint8; shrinks by area averaging."""
        import cv2

        height, width = picture.shape[:2]
        reach = self.side / 2 * np.abs(self._axes()).sum(axis=1) + 2
        # Only the pixels that the window needs are resized; a picture may be far larger.
        x0, y0 = (int(v) for v in np.clip(np.floor(np.subtract(self.centre, reach)), 0, (width, height)))
        x1, y1 = (int(v) for v in np.clip(np.ceil(np.add(self.centre, reach)), 0, (width, height)))
        part = picture[y0:y1, x0:x1]
        if part.size == 0:
            return np.zeros((size, size, 3), np.uint8)
        scale = np.ones(2)
        if self.side > size:
            small = [max(1, round(extent * size / self.side)) for extent in (x1 - x0, y1 - y0)]
            scale = np.divide(small, (x1 - x0, y1 - y0))
            part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
        # Pixel centres lie at half units: position p of the window's edges is pixel p - 0.5 of the array.
        matrix = np.empty((2, 3))
        matrix[:, :2] = self._axes() * (self.side / size) * scale[:, None]
        corner = (np.subtract(self.centre, (x0, y0)) - self._axes() @ (self.side / 2, self.side / 2)) * scale
        matrix[:, 2] = corner + matrix[:, :2] @ (0.5, 0.5) - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(part, matrix, (size, size), flags=flags), np.uint8)

    def to_picture(self, points: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """(..., 2) positions in a cut of this size -> positions in the picture."""
        centred = (points / size - 0.5) * self.side
        return np.asarray(centred @ self._axes().T + self.centre, np.float32)

    def _axes(self) -> NDArray[np.float64]:
        """(2, 2): columns are the directions of the window's x and y in the picture."""
        angle = np.radians(self.angle_deg)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
