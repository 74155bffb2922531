"""Small JPEG files for pages."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fomm_rt.image import Image

QUALITY = 82


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
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    written = path.with_suffix(".part")
    written.write_bytes(coded.tobytes())
    written.replace(path)
