"""The chart that skin is painted in: angle about the head's axis and height, in base-mesh coordinates."""

from functools import lru_cache

import numpy as np

from fomm_train.people.assets import Floats

WIDTH, HEIGHT = 768, 384
FINENESS = WIDTH / 1024
"""Pixels of the chart for a 160th of a decimetre in front."""
BOTTOM, TOP = 5.3, 8.6
AXIS_DEPTH = 0.45

# Degrees from the front, and the height of the hairline there.
_HAIRLINE = (
    *((0, 8.06), (18, 8.08), (32, 8.03), (45, 7.90), (54, 7.66), (62, 7.36), (70, 7.10), (82, 7.08), (92, 7.42)),
    *((108, 7.12), (122, 6.74), (150, 6.48), (180, 6.40)),
)


def angle_of(points: Floats) -> Floats:
    """(…, 3) -> (…,) radians, 0 in front, positive towards the picture's right."""
    angle: Floats = np.arctan2(points[..., 0], points[..., 2] - AXIS_DEPTH)
    return angle


def pixels(points: Floats) -> Floats:
    """(…, 3) -> (…, 2) columns and rows of the chart."""
    columns = (angle_of(points) / (2 * np.pi) + 0.5) * WIDTH - 0.5
    rows = (TOP - points[..., 1]) / (TOP - BOTTOM) * HEIGHT - 0.5
    return np.stack([columns, rows], axis=-1).astype(np.float32)


@lru_cache(maxsize=1)
def grid() -> tuple[Floats, Floats]:
    """Degrees from the front (W,), signed, and heights (H, 1)."""
    degrees = ((np.arange(WIDTH) + 0.5) / WIDTH - 0.5) * 360
    heights = TOP - (np.arange(HEIGHT) + 0.5) / HEIGHT * (TOP - BOTTOM)
    return degrees.astype(np.float32), heights.astype(np.float32)[:, None]


def hairline(degrees: Floats, moved_up: float) -> Floats:
    """Height of the hairline; `moved_up` dm above the forehead, twice that at the temples."""
    beyond = np.abs(degrees)
    table = np.array(_HAIRLINE)
    recess = moved_up * (np.clip(1 - beyond / 60, 0, 1) + 1.2 * np.exp(-(((beyond - 36) / 14) ** 2)))
    line: Floats = np.interp(beyond, table[:, 0], table[:, 1]) + recess
    return line


def beard_area(degrees: Floats, heights: Floats) -> Floats:
    """How far inside the beard's area a place is, dm; negative outside. The lips are not cut out."""
    beyond = np.abs(degrees)
    above = np.interp(beyond, (0, 13, 17, 24, 45, 70, 82), (6.85, 6.84, 6.72, 6.60, 6.68, 6.95, 7.12)) - heights
    below = heights - np.interp(beyond, (0, 30, 60, 82, 90), (5.95, 6.00, 6.22, 6.5, 6.9))
    inside: Floats = np.minimum(np.minimum(above, below), (84 - beyond) / 60)
    return inside


@lru_cache(maxsize=32)
def noise(steepness: float, seed: int) -> Floats:
    """(H, W) 1/f^steepness noise that tiles, mean 0, deviation 1."""
    rng = np.random.default_rng((seed, 23))
    spectrum = np.fft.rfft2(rng.normal(size=(HEIGHT, WIDTH)))
    y, x = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None]
    radius = np.hypot(x, y)
    radius[0, 0] = np.inf
    tile = np.fft.irfft2(spectrum / radius**steepness, s=(HEIGHT, WIDTH))
    scaled: Floats = (tile / tile.std()).astype(np.float32)
    return scaled


def own_noise(rng: np.random.Generator, steepness: float) -> Floats:
    """The noise of `noise`, shifted and mirrored at random."""
    tile = noise(steepness, int(rng.integers(2)))
    tile = np.roll(tile, (int(rng.integers(HEIGHT)), int(rng.integers(WIDTH))), axis=(0, 1))
    return tile[:: 1 if rng.random() < 0.5 else -1, :: 1 if rng.random() < 0.5 else -1]
