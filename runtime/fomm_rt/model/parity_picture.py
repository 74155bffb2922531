"""The photo that exports and engines are checked on, and driving frames: the photo moved, rotated and scaled."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np

from fomm_rt.image import Image

PICTURE = "parity_picture.jpg"
"""Chelsea the cat by Stéfan van der Walt, dedicated to the public domain (CC0), cut and scaled to 256×256."""

MOVES = ((0.0, 1.0, 0.0, 0.0), (7.0, 1.06, 0.05, -0.03), (-9.0, 0.92, -0.06, 0.04))
"""Rotation in degrees, scale, and shift in fractions of the side, of each driving frame."""


def parity_frames(size: int) -> list[Image]:
    """Returns the photo at (size, size, 3) uint8, transformed by each of MOVES; the first is the photo itself."""
    # Not by `read_picture`, which needs PyAV: exports and engines are also checked where that is missing.
    content = np.frombuffer((files("fomm_rt.model") / PICTURE).read_bytes(), np.uint8)
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert decoded is not None
    picture = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)
    frames = []
    for degrees, scale, x, y in MOVES:
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), degrees, scale)
        matrix[:, 2] += np.array([x * size, y * size])
        moved = cv2.warpAffine(picture, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
        frames.append(np.asarray(moved, np.uint8))
    return frames
