"""Pictures composed of drawn faces at known places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from fomm_rt.bundled import bundled_avatars
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture

AVATAR_CENTRE = (128.0, 135.0)
"""Of the face in every bundled avatar, 256×256 pixels: halfway between forehead and chin."""
AVATAR_HEIGHT = 118.0
"""From forehead to chin, in pixels."""


@dataclass(frozen=True)
class DrawnFace:
    """Where a face is drawn: centre (x, y) and height in pixels; a roll above 0 turns it clockwise."""

    avatar: int
    centre: tuple[float, float]
    height: float
    roll_deg: float = 0.0


@cache
def avatars() -> list[Image]:
    return [read_picture(path) for path in bundled_avatars()]


def background(height: int, width: int, seed: int = 0) -> Image:
    """Soft blotches of muted colour, in which there is no face."""
    coarse = np.random.default_rng(seed).integers(60, 180, (5, 7, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def scene(height: int, width: int, *faces: DrawnFace, seed: int = 0) -> Image:
    """A picture with drawn faces on a background."""
    picture = background(height, width, seed)
    for face in faces:
        paint(picture, face)
    return picture


def paint(picture: Image, face: DrawnFace) -> None:
    """Draws an avatar's head, cut out softly as an ellipse, into a picture."""
    image = avatars()[face.avatar % len(avatars())]
    scale = face.height / AVATAR_HEIGHT
    matrix = cv2.getRotationMatrix2D(AVATAR_CENTRE, -face.roll_deg, scale)
    matrix[:, 2] += np.subtract(face.centre, AVATAR_CENTRE)
    if scale < 0.5:  # average before shrinking, as a camera does
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    height, width = picture.shape[:2]
    mask = np.zeros((256, 256), np.float32)
    cv2.ellipse(mask, (128, 122), (78, 96), 0, 0, 360, 1.0, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 4), np.float32)
    drawn = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_AREA)
    weight = cv2.warpAffine(mask, matrix, (width, height))[..., None]
    picture[:] = (weight * drawn + (1 - weight) * picture).round().astype(np.uint8)
