"""Pictures for measurements that need no media libraries."""

from __future__ import annotations

import numpy as np

from fomm_rt.image import Image

CLIP = 24
"""Number of distinct driving frames."""


def clip(size: int) -> Image:
    """A source image and driving frames, (1 + CLIP, size, size, 3) uint8: a smooth moving pattern."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    moments = np.linspace(0, 1, 1 + CLIP, dtype=np.float32)[:, None, None, None]
    phase = np.arange(3, dtype=np.float32)
    waves = np.sin(9 * (x[..., None] + 0.2 * moments) + phase) + np.cos(7 * (y[..., None] - 0.1 * moments) - phase)
    pictures: Image = (127.5 + 60 * waves).astype(np.uint8)
    return pictures
