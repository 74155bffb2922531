"""Backgrounds: soft, out of focus, still."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import pixel_positions
from fomm_train.faces.drawing.canvas import blend, ramp
from fomm_train.faces.drawing.shading import column
from fomm_train.faces.identity import Identity


@lru_cache(maxsize=64)
def background(identity: Identity, size: int, supersample: int, device: str) -> Tensor:
    """(3, S, S), linear: what stands behind the head; callers clone it."""
    places = pixel_positions(size, supersample, device)
    x, y = places[None, :], places[:, None]
    first, second, third = (column(tone, device) for tone in identity.backdrop)
    rng = np.random.default_rng([identity.seed, 3])
    slope = float(rng.uniform(-0.5, 0.5))
    fall = ramp(y + slope * x, -1.3, 1.3)
    picture = first + (second - first) * fall

    kind = identity.background
    if kind == "glow":
        centre_x, centre_y = float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.6, 0.1))
        radius = torch.sqrt((x - centre_x).square() + (y - centre_y).square())
        blend(picture, (third * 0.5 + 0.5).clamp(0, 1), 0.75 * ramp(radius, 1.1, 0.1))
    elif kind == "bokeh":
        for _ in range(16):
            reach = float(rng.uniform(0.06, 0.24))
            distance = torch.sqrt((x - float(rng.uniform(-1, 1))).square() + (y - float(rng.uniform(-1, 1))).square())
            disc = ramp(distance, reach * 1.05, reach * 0.85) * (0.7 + 0.3 * ramp(distance, 0.5 * reach, reach))
            tone = (third if rng.random() < 0.5 else first) * 0.6 + 0.35
            blend(picture, tone.clamp(0, 1), disc * float(rng.uniform(0.12, 0.4)))
    elif kind == "panels":
        width = float(rng.uniform(0.25, 0.6))
        tilt = float(rng.uniform(-0.4, 0.4))
        wave = torch.sin((x + tilt * y) * np.pi / width)
        blend(picture, third, 0.35 * ramp(wave, -0.35, 0.35))
    elif kind == "hills":
        for index, tone in enumerate((second, third, (second + third) * 0.35)):
            phase, frequency = float(rng.uniform(0, 6)), float(rng.uniform(1.5, 3.5))
            crest = 0.05 + 0.28 * index + 0.12 * torch.sin(frequency * x + phase)
            blend(picture, tone, 0.8 * ramp(y - crest, -0.05, 0.05))
    elif kind == "room":
        edge = float(rng.uniform(-0.7, 0.7))
        blend(picture, second * 0.7, 0.6 * ramp(y, 0.42, 0.50))
        left, top = edge - 0.38, float(rng.uniform(-0.85, -0.6))
        frame = torch.minimum(torch.minimum(x - left, left + 0.76 - x), torch.minimum(y - top, top + 0.85 - y))
        blend(picture, (third * 0.4 + 0.6).clamp(0, 1), 0.85 * ramp(frame, -0.05, 0.05))
        bars = torch.minimum((x - left - 0.38).abs(), (y - top - 0.42).abs())
        blend(picture, first * 0.8, 0.7 * ramp(bars, 0.04, 0.015) * ramp(frame, 0.0, 0.05))
    vignette = 1 - 0.26 * ramp(torch.sqrt(x.square() + y.square()), 0.6, 1.5)
    return picture * vignette
