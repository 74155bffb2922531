"""Random textures: noise, patterns, and pictures that show no people."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 128
"""Of a texture tile, pixels."""
PICTURES = ("brick.png", "coffee.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "rocket.jpg")
"""Pictures in scikit-image's package that show no people; CC0 or in the public domain."""


def fractal(count: int, channels: int, steepness: Tensor, generator: torch.Generator) -> Tensor:
    """(count, channels, SIDE, SIDE) 1/f^steepness noise that tiles, mean 0, deviation 1; `steepness` is (count,)."""
    spectrum = torch.fft.rfft2(torch.randn(count, channels, SIDE, SIDE, generator=generator))
    y, x = torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None]
    radius = torch.hypot(x, y)
    radius[0, 0] = torch.inf
    tiles = torch.fft.irfft2(spectrum / radius ** steepness[:, None, None, None], s=(SIDE, SIDE))
    noise: Tensor = tiles / tiles.std((2, 3), keepdim=True)
    return noise


def draw_textures(count: int, generator: torch.Generator) -> Tensor:
    """(count, 3, SIDE, SIDE), mean about 0, deviation about 1: a third noise, a third patterns, a third pictures."""
    steepness = 0.4 + 1.4 * torch.rand(count, generator=generator)
    grey = fractal(count, 1, steepness, generator)
    coloured = fractal(count, 3, steepness, generator)
    share = torch.rand(count, 1, 1, 1, generator=generator)
    noise = grey + share * (coloured - grey)
    kind = torch.rand(count, 1, 1, 1, generator=generator)
    tiles = torch.where(kind < 0.33, noise, _patterns(count, generator) + 0.25 * noise)
    pictures = _pictures()
    if len(pictures):
        chosen = pictures[torch.randint(len(pictures), (count,), generator=generator)]
        shifts = torch.randint(SIDE, (count, 2), generator=generator).tolist()
        rolled = torch.stack([torch.roll(p, (dy, dx), (1, 2)) for p, (dy, dx) in zip(chosen, shifts, strict=True)])
        tiles = torch.where(kind > 0.66, rolled, tiles)
    return tiles


def _patterns(count: int, generator: torch.Generator) -> Tensor:
    """Stripes, checks and dots of two colours."""
    axis = torch.linspace(0, 1, SIDE)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    pitch = torch.randint(3, 24, (count, 1, 1), generator=generator).float()
    slant = torch.randint(-2, 3, (count, 1, 1), generator=generator).float()
    width = 0.3 + 0.4 * torch.rand(count, 1, 1, generator=generator)
    along, across = (pitch * y + slant * x).remainder(1), (pitch * x).remainder(1)
    stripes = (along < width).float()
    checks = stripes + (across < width).float()
    dots = (torch.hypot(along - 0.5, across - 0.5) < 0.4 * width).float()
    kind = torch.randint(3, (count, 1, 1), generator=generator)
    pattern = torch.where(kind == 0, stripes, torch.where(kind == 1, checks, dots))[:, None]
    return (pattern - pattern.mean((2, 3), keepdim=True)) * 2 * torch.randn(count, 3, 1, 1, generator=generator)


@lru_cache(maxsize=1)
def _pictures() -> Tensor:
    """(P, 3, SIDE, SIDE): pictures of scikit-image and their mirrored copies as tiles; none where it is missing."""
    package = find_spec("skimage")
    folders = [] if package is None else [Path(place) / "data" for place in package.submodule_search_locations or []]
    tiles = []
    for path in (folder / name for folder in folders for name in PICTURES if (folder / name).is_file()):
        picture = cv2.imread(str(path))
        if picture is None:
            continue
        half = cv2.resize(picture[..., ::-1], (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
        half = (half - half.mean((0, 1))) / (half.std() + 1)
        row = np.concatenate([half, half[:, ::-1]], axis=1)  # mirrored, so that it tiles
        tiles.append(torch.from_numpy(np.concatenate([row, row[::-1]], axis=0).transpose(2, 0, 1).copy()))
    return torch.stack(tiles) if tiles else torch.empty(0, 3, SIDE, SIDE)


def sampled(tiles: Tensor, places: Tensor) -> Tensor:
    """(N, 3, SIDE, SIDE) tiles at (N, H, W, 2) places, repeated every 2 units -> (N, 3, H, W)."""
    return F.grid_sample(tiles, (places + 1).remainder(2) - 1, align_corners=False, padding_mode="border")
