"""Paints backgrounds: soft, out of focus and still."""

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
    """(3, S, S), linear: the background behind the head. The tensor is cached, so callers clone it."""
    places = pixel_positions(size, supersample, device)
    x, y = places[None, :], places[:, None]
    first, second, third = (column(tone, device) for tone in identity.backdrop)
    rng = np.random.default_rng([identity.seed, 3])

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    picture = first + (second - first) * ramp(y + uniform(-0.5, 0.5) * x, -1.3, 1.3)
    kind = identity.background
    if kind == "glow":
        radius = _distance(x, y, uniform(-0.5, 0.5), uniform(-0.6, 0.1))
        blend(picture, (third * 0.5 + 0.5).clamp(0, 1), 0.75 * ramp(radius, 1.1, 0.1))
    elif kind == "bokeh":
        for _ in range(16):
            reach = uniform(0.06, 0.24)
            distance = _distance(x, y, uniform(-1, 1), uniform(-1, 1))
            disc = ramp(distance, reach * 1.05, reach * 0.85) * (0.7 + 0.3 * ramp(distance, 0.5 * reach, reach))
            tone = (third if rng.random() < 0.5 else first) * 0.6 + 0.35
            blend(picture, tone.clamp(0, 1), disc * uniform(0.12, 0.4))
    elif kind == "panels":
        width, tilt = uniform(0.25, 0.6), uniform(-0.4, 0.4)
        blend(picture, third, 0.35 * ramp(torch.sin((x + tilt * y) * np.pi / width), -0.35, 0.35))
    elif kind == "hills":
        for index, tone in enumerate((second, third, (second + third) * 0.35)):
            phase, frequency = uniform(0, 6), uniform(1.5, 3.5)
            crest = 0.05 + 0.28 * index + 0.12 * torch.sin(frequency * x + phase)
            blend(picture, tone, 0.8 * ramp(y - crest, -0.05, 0.05))
    elif kind == "room":
        left, top = uniform(-0.7, 0.7) - 0.38, uniform(-0.85, -0.6)
        blend(picture, second * 0.7, 0.6 * ramp(y, 0.42, 0.50))  # floor
        frame = torch.minimum(torch.minimum(x - left, left + 0.76 - x), torch.minimum(y - top, top + 0.85 - y))
        blend(picture, (third * 0.4 + 0.6).clamp(0, 1), 0.85 * ramp(frame, -0.05, 0.05))  # window
        bars = torch.minimum((x - left - 0.38).abs(), (y - top - 0.42).abs())
        blend(picture, first * 0.8, 0.7 * ramp(bars, 0.04, 0.015) * ramp(frame, 0.0, 0.05))
    return picture * (1 - 0.26 * ramp(_distance(x, y, 0.0, 0.0), 0.6, 1.5))  # vignette


def _distance(x: Tensor, y: Tensor, centre_x: float, centre_y: float) -> Tensor:
    return torch.sqrt((x - centre_x).square() + (y - centre_y).square())
