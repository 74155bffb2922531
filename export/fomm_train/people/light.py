"""The light on a person and the background, drawn together so that they fit each other."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fomm_train.people.assets import Floats
from fomm_train.people.person import Person

Bytes = npt.NDArray[np.uint8]
PLACES = ("studio", "wall", "room", "window", "outdoors", "street", "night", "stage")
_WEIGHTS = (14, 17, 22, 12, 17, 9, 5, 4)


class Light(NamedTuple):
    """Directions in camera coordinates (x right, y down, z to the camera), colours linear RGB.

    Attributes:
        key_direction, key_colour: The light that casts shadows.
        softness: Softness of its shadows, 0.01 hard to 0.12 soft.
        rim_direction, rim_colour: A light from behind or from the side.
        sky, ground: Ambient light from above and below.
        lobe_directions, lobe_colours: (3, 3) each, broad lights: windows, walls.
        exposure: Factor before the film.
    """

    key_direction: Floats
    key_colour: Floats
    softness: float
    rim_direction: Floats
    rim_colour: Floats
    sky: Floats
    ground: Floats
    lobe_directions: Floats
    lobe_colours: Floats
    exposure: float


class Place(NamedTuple):
    """Light, and the backdrop (size, size, 3) uint8 out of focus."""

    light: Light
    backdrop: Bytes


def place_of(person: Person, size: int) -> Place:
    """The place of a person."""
    rng = person.rng(9)
    kind = str(rng.choice(PLACES, p=np.array(_WEIGHTS) / sum(_WEIGHTS)))
    backdrop = _backdrop(rng, kind, size)
    return Place(_light(rng, kind, backdrop), _encoded(backdrop))


def _temperature(rng: np.random.Generator, spread: float) -> Floats:
    warmth = rng.normal(0, spread)
    return np.array([1 + 0.22 * warmth, 1 + 0.02 * warmth, 1 - 0.25 * warmth], np.float32).clip(0.3, 2)


def _direction(azimuth: float, height: float) -> Floats:
    """Azimuth from the camera to the right, height upwards; radians."""
    return np.array([np.sin(azimuth) * np.cos(height), -np.sin(height), np.cos(azimuth) * np.cos(height)], np.float32)


def _light(rng: np.random.Generator, kind: str, backdrop: Floats) -> Light:
    side = float(rng.choice([-1, 1]))
    azimuth = side * rng.uniform(0.1, 1.25)
    height = rng.uniform(0.15, 0.9)
    hard = {"outdoors": 0.35, "street": 0.3, "stage": 0.8, "night": 0.5}.get(kind, 0.2)
    softness = float(rng.uniform(0.006, 0.02) if rng.random() < hard else rng.uniform(0.025, 0.085))
    key = rng.uniform(0.9, 2.2) * _temperature(rng, 0.35)
    around = backdrop.reshape(-1, 3).mean(axis=0)
    around = around / max(float(around.mean()), 1e-3)
    tint = (1 + 0.45 * (around - 1)).astype(np.float32)
    fill = rng.uniform(0.12, 0.48)
    if kind == "window":
        azimuth, height, key, fill = side * rng.uniform(0.7, 1.5), rng.uniform(0.05, 0.5), key * 1.2, fill * 0.7
    elif kind == "outdoors":
        fill *= 1.3
    elif kind in {"night", "stage"}:
        fill *= 0.45
        key *= np.exp(0.12 * rng.normal(size=3)).astype(np.float32)
    elif rng.random() < 0.3:  # an overcast sky, a lit ceiling: hardly any direction
        key, fill, softness = key * 0.35, fill * 2.0, 0.09
    rim = rng.uniform(0.3, 2.0) if rng.random() < 0.45 else rng.uniform(0, 0.25)
    lobes = np.stack([_direction(side * rng.uniform(-0.4, 0.8), rng.uniform(0.1, 0.7)),
                      _direction(-side * rng.uniform(0.6, 1.6), rng.uniform(-0.2, 0.5)),
                      _direction(rng.uniform(-3.1, 3.1), rng.uniform(-0.5, 1.2))])  # fmt: skip
    strengths = np.array([rng.uniform(0.1, 0.5), rng.uniform(0.05, 0.5), rng.uniform(0, 0.3)])[:, None]
    sky = (fill * rng.uniform(0.7, 1.2) * tint * _temperature(rng, 0.15)).astype(np.float32)
    ground = (fill * rng.uniform(0.25, 0.8) * tint * [1.05, 1.0, 0.94]).astype(np.float32)
    lobe_colours = (strengths * fill * 1.8 * np.stack([_temperature(rng, 0.3) for _ in range(3)])).astype(np.float32)
    total = float(key.mean() * 0.55 + sky.mean() + lobe_colours.sum() / 6)
    exposure = float(np.exp(rng.normal(0, 0.16)) * 0.98 / total)
    return Light(
        _direction(azimuth, height),
        key.astype(np.float32),
        softness,
        _direction(-side * rng.uniform(1.9, 2.8), rng.uniform(-0.1, 0.8)),
        (rim * _temperature(rng, 0.4)).astype(np.float32),
        sky,
        ground,
        lobes,
        lobe_colours,
        exposure,
    )


def _hue(rng: np.random.Generator, value: float, saturation: float) -> Floats:
    wheel = np.cos(rng.uniform(0, 2 * np.pi) - np.array([0, 2.1, 4.2]))
    return (value * np.exp(saturation * wheel)).astype(np.float32)


def _fractal(rng: np.random.Generator, size: int, steepness: float) -> Floats:
    spectrum = np.fft.rfft2(rng.normal(size=(size, size)))
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    radius[0, 0] = np.inf
    tile = np.fft.irfft2(spectrum / radius**steepness, s=(size, size))
    scaled: Floats = (tile / tile.std()).astype(np.float32)
    return scaled


def _backdrop(rng: np.random.Generator, kind: str, size: int) -> Floats:
    """(size, size, 3) linear: the background, out of focus."""
    work = 128
    y, x = np.mgrid[0:work, 0:work].astype(np.float32) / (work - 1)
    value = float(rng.choice([rng.uniform(0.02, 0.10), rng.uniform(0.10, 0.35), rng.uniform(0.4, 0.85)]))
    base = _hue(rng, value, float(rng.choice([0.04, 0.18, 0.45], p=[0.5, 0.38, 0.12])))
    gradient = 1 + rng.normal(0, 0.25) * (x - 0.5) + rng.normal(0, 0.25) * (y - 0.5)
    picture = base * np.clip(gradient, 0.2, 2)[..., None]
    blur = rng.uniform(1.0, 7.0)
    if kind == "studio":
        spot = np.exp(-(((x - rng.uniform(0.2, 0.8)) / 0.5) ** 2) - ((y - rng.uniform(0.2, 0.8)) / 0.5) ** 2)
        picture = picture * (0.6 + rng.uniform(0, 0.9) * spot[..., None])
    elif kind == "wall":
        picture = picture * np.exp(0.12 * _fractal(rng, work, rng.uniform(0.6, 1.4)))[..., None]
        if rng.random() < 0.4:  # bricks, boards
            pitch = rng.uniform(0.05, 0.14)
            lines = (np.abs((y / pitch) % 1 - 0.5) > 0.44) | (
                np.abs((x / pitch / 2 + 0.5 * np.floor(y / pitch)) % 1 - 0.5) > 0.47
            )
            picture = np.where(lines[..., None], picture * rng.uniform(0.5, 1.3), picture)
            blur = rng.uniform(0.3, 2)
    elif kind in {"room", "window", "street"}:
        for _ in range(int(rng.integers(4, 12))):
            x0, y0 = rng.uniform(-0.2, 0.9, 2)
            wide, tall = rng.uniform(0.05, 0.5), rng.uniform(0.08, 0.9)
            part = (x > x0) & (x < x0 + wide) & (y > y0) & (y < y0 + tall)
            picture[part] = (
                _hue(rng, float(np.exp(rng.normal(-1.9, 0.9))), 0.12 + 0.3 * rng.random() ** 2)
                * (1 + 0.4 * (y[part] - y0))[:, None]
            )
        if kind == "window" or rng.random() < 0.3:
            x0 = rng.uniform(-0.2, 0.8)
            pane = (x > x0) & (x < x0 + 0.4) & (y < 0.7) & (np.abs(((x - x0) / 0.2) % 1 - 0.5) < 0.46)
            picture[pane] = np.array([0.9, 0.97, 1.05]) * rng.uniform(0.8, 1.6)
    elif kind == "outdoors":
        horizon = rng.uniform(0.25, 0.8) + 0.05 * _fractal(rng, work, 2.0)[0]
        sky = np.array([0.45, 0.62, 0.95]) * rng.uniform(0.4, 1.1) * (1.2 - 0.4 * (1 - y[..., None]))
        green = np.array([0.10, 0.16, 0.04]) * np.exp(rng.normal(0, 0.35, 3))
        leaves = green * np.exp(0.7 * _fractal(rng, work, rng.uniform(0.7, 1.3)))[..., None]
        picture = np.where((y > horizon[None])[..., None], leaves, sky if rng.random() < 0.6 else leaves * 1.8)
    else:
        picture = base * 0.25 * np.exp(0.5 * _fractal(rng, work, 1.4))[..., None]
    picture = np.clip(picture, 0, 3).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), blur, borderType=cv2.BORDER_REFLECT_101)
    lights = {"night": 26, "street": 8, "stage": 8, "outdoors": 12 if rng.random() < 0.4 else 0}.get(kind, 0)
    enlarged: Floats = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 4)
    for _ in range(int(lights * rng.uniform(0.5, 1.3))):
        disc = np.zeros((size, size), np.float32)
        centre = (int(rng.uniform(0, 16 * size)), int(rng.uniform(0, 16 * size)))
        cv2.circle(disc, centre, int(16 * size / 128 * rng.uniform(1.5, 7)), 1.0, -1, cv2.LINE_AA, 4)
        enlarged += cv2.GaussianBlur(disc, (0, 0), size / 160)[..., None] * _hue(rng, rng.uniform(0.05, 0.6), 0.5)
    return enlarged


def _encoded(linear: Floats) -> Bytes:
    film = 0.7 * linear * (2.51 * 0.7 * linear + 0.03) / (0.7 * linear * (2.43 * 0.7 * linear + 0.59) + 0.14)
    return (np.clip(film, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
