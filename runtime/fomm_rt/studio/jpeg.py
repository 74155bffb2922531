"""Small JPEG files for pages."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fomm_rt.image import Image

QUALITY = 82


def encode(picture: Image, quality: int) -> bytes:
    """Encodes (H, W, 3) uint8 RGB; the quality is from 0 to 100."""
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return coded.tobytes()


def write_jpeg(path: Path, picture: Image, longest_side: int) -> None:
    """Writes (H, W, 3) uint8 RGB, shrunk to a longest side in pixels, in place of an earlier file.

    Raises:
        OSError: The file cannot be written.
    """
    height, width = picture.shape[:2]
    scale = longest_side / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    written = path.with_suffix(".part")
    written.write_bytes(encode(picture, QUALITY))
    written.replace(path)
