"""Known motions of a picture: all of it shifted, scaled or turned, or the head alone shifted."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints

Floats = npt.NDArray[np.float64]

WARPS = (
    *((1, 0, 16, 0), (1, 0, -16, 0), (1, 0, 0, 16), (1, 0, 0, -16), (1, 0, 6, 4)),
    *((0.85, 0, 0, 0), (1.15, 0, 0, 0), (1, 15, 0, 0), (1, -15, 0, 0)),
)
"""Scale, degrees, and shifts in pixels of a picture of 256 pixels."""
HEAD_SHIFTS = ((10, 0), (-10, 0), (0, 8), (0, -8))
"""Pixels of a picture of 256 pixels."""
HEAD_WIDTH, HEAD_HEIGHT, HEAD_DROP = 1.15, 1.55, 0.45
"""Half axes of the ellipse about a head, and how far its centre lies below the upper lids; eye distances."""
RING = 1.8
"""Distance from a shifted head, in half axes, beyond which the picture stays."""


def to_pixels(values: Floats, size: int) -> Floats:
    """Grid units to pixels."""
    return (values + 1) * 0.5 * (size - 1)


def warp(picture: Image, motion: tuple[float, float, float, float]) -> tuple[Image, Floats]:
    """A picture moved as one of WARPS, about its centre, and the motion's (2, 3) matrix; the border is reflected."""
    size = len(picture)
    scale, degrees, dx, dy = motion
    centre = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), degrees, scale).astype(np.float64)
    matrix[:, 2] += np.array([dx, dy]) * size / 256
    moved = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return moved.astype(np.uint8), matrix


def moved_points(keypoints: Keypoints, matrix: Floats, size: int) -> Floats:
    """(K, 2): where a motion takes keypoints, pixels."""
    return to_pixels(keypoints.value.astype(np.float64), size) @ matrix[:, :2].T + matrix[:, 2]


class HeadEllipse(NamedTuple):
    """An ellipse about a head: centre and half axes in pixels."""

    x: float
    y: float
    half_width: float
    half_height: float

    @classmethod
    def of(cls, marks: Floats) -> HeadEllipse:
        """The ellipse of a head with (8, 2) marks; the first two are the upper lids."""
        eyes = float(np.linalg.norm(marks[1] - marks[0]))
        x, y = marks[:2].mean(axis=0)
        return cls(float(x), float(y) + HEAD_DROP * eyes, HEAD_WIDTH * eyes, HEAD_HEIGHT * eyes)

    def radius(self, x: Floats, y: Floats) -> Floats:
        """Distance from the centre; 1 on the ellipse."""
        return np.hypot((x - self.x) / self.half_width, (y - self.y) / self.half_height)

    def inside(self, size: int) -> npt.NDArray[np.bool_]:
        """(size, size): True in the ellipse."""
        y, x = np.mgrid[:size, :size].astype(np.float64)
        return self.radius(x, y) <= 1


def shift_head(picture: Image, head: HeadEllipse, shift: tuple[float, float]) -> tuple[Image, npt.NDArray[np.bool_]]:
    """The picture with its head shifted by pixels, and the pixels that now show the head; a ring about it stretches."""
    size = len(picture)
    grid_y, grid_x = np.mgrid[:size, :size].astype(np.float64)

    def weight(x: Floats, y: Floats) -> Floats:
        t = np.clip((RING - head.radius(x, y)) / (RING - 1.1), 0, 1)
        return t * t * (3 - 2 * t)

    x, y = grid_x.copy(), grid_y.copy()
    for _ in range(30):  # x = grid − shift · weight(x): a contraction
        share = weight(x, y)
        x, y = grid_x - shift[0] * share, grid_y - shift[1] * share
    moved = cv2.remap(
        picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return moved.astype(np.uint8), weight(x, y) > 0.95
