"""Pictures composed of faces at known places: the bundled avatars, and a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_bench.demo_media import demo_picture
from fomm_rt.bundled import bundled_avatars
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture

AVATARS = 7


@dataclass(frozen=True, eq=False)
class Subject:
    """A picture of one face; its centre and height, forehead to chin, were marked by hand, in pixels."""

    image: Image
    centre: tuple[float, float]
    height: float


@dataclass(frozen=True)
class PlacedFace:
    """Where a subject's face is placed: centre (x, y) and height in pixels; a roll above 0 turns it clockwise.

    Subjects below AVATARS are the bundled avatars by name; the next one is the astronaut.
    """

    subject: int
    centre: tuple[float, float]
    height: float
    roll_deg: float = 0.0


@cache
def subjects() -> tuple[Subject, ...]:
    """The bundled avatars, sorted by name, and the astronaut.

    Raises:
        MediaError: The astronaut's picture is not installed.
    """
    avatars = [Subject(read_picture(path), (128, 135), 118) for path in bundled_avatars()]
    return (*avatars, Subject(read_picture(demo_picture()), (225, 126), 104))


def background(height: int, width: int, seed: int = 0) -> Image:
    """Soft blotches of muted colour, in which there is no face."""
    coarse = np.random.default_rng(seed).integers(60, 180, (5, 7, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def scene(height: int, width: int, *faces: PlacedFace, seed: int = 0) -> Image:
    """A picture of faces on a background."""
    picture = background(height, width, seed)
    for face in faces:
        place(picture, face)
    return picture


def place(picture: Image, face: PlacedFace) -> None:
    """Draws a subject's head into a picture, cut out softly as an ellipse."""
    subject = subjects()[face.subject]
    scale = face.height / subject.height
    matrix: NDArray[np.float64] = np.asarray(cv2.getRotationMatrix2D(subject.centre, -face.roll_deg, scale))
    matrix[:, 2] += np.subtract(face.centre, subject.centre)
    image = subject.image
    if scale < 0.7:  # average before shrinking, as a camera does
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    x, y = subject.centre
    mask = np.zeros(image.shape[:2], np.float32)
    middle, axes = (
        (round(x), round(y - 0.11 * subject.height)),
        (round(0.66 * subject.height), round(0.81 * subject.height)),
    )
    cv2.ellipse(mask, middle, axes, 0, 0, 360, 1.0, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.03 * subject.height), np.float32)
    height, width = picture.shape[:2]
    drawn = cv2.warpAffine(image, matrix, (width, height))
    weight = cv2.warpAffine(mask, matrix, (width, height))[..., None]
    picture[:] = (weight * drawn + (1 - weight) * picture).round().astype(np.uint8)
