"""A person's skin, painted: colour and gloss, and the small relief of pores and wrinkles."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fomm_train.people import chart
from fomm_train.people.assets import Floats
from fomm_train.people.face_hair import BROW_HALF, BROW_LINE
from fomm_train.people.hair_styles import SHAVEN
from fomm_train.people.person import Person

Bytes = npt.NDArray[np.uint8]

PALE = np.array([0.68, 0.44, 0.34], np.float32)
DARK = np.array([0.075, 0.040, 0.027], np.float32)
BLOOD = np.array([0.10, -0.34, -0.30], np.float32)
"""Change of the logarithm of the reflectance where blood shows."""
MELANIN = np.array([-0.30, -0.42, -0.50], np.float32)
RELIEF = 0.5
"""Slope at a value of 1 in the relief texture."""


class Skin(NamedTuple):
    """Textures over the chart, first row on top.

    Attributes:
        colour: (H, W, 4): square root of the linear reflectance, and gloss.
        relief: (H, W, 2): slope along columns and up the rows, 128 is flat.
        base: Linear reflectance where nothing is painted.
        lips: Linear reflectance of the lips.
    """

    colour: Bytes
    relief: Bytes
    base: Floats
    lips: Floats


class _Canvas:
    """Amounts of blood and melanin, heights and gloss over the chart."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.rng = person.rng(2)
        self.degrees, self.heights = chart.grid()
        shape = (chart.HEIGHT, chart.WIDTH)
        self.blood = np.zeros(shape, np.float32)
        self.melanin = np.zeros(shape, np.float32)
        self.height = np.zeros(shape, np.float32)
        self.gloss = np.full(shape, 0.35 + 0.25 * person.oil, np.float32)

    def blob(self, x: float, y: float, z: float, wide: float, tall: float) -> Floats:
        """A soft spot about a place and its mirror image; sizes in dm."""
        spot: Floats = np.zeros_like(self.blood)
        for side in (-1, 1) if x else (1,):
            point = np.array([side * x, y, z], np.float32)
            around = float(np.hypot(point[0], point[2] - chart.AXIS_DEPTH))
            offset = np.radians(self.degrees) - float(chart.angle_of(point))
            spot += np.exp(-((offset * around / wide) ** 2)) * np.exp(-(((self.heights - y) / tall) ** 2))
        return spot

    def stroke(self, points: list[tuple[float, float, float]], depth: float, wide: float) -> None:
        """A furrow along 3D points and, unless it runs across the middle, its mirror image."""
        for side in (-1, 1) if min(p[0] for p in points) >= 0 and max(p[0] for p in points) > 0.02 else (1,):
            line = chart.pixels(np.array([(side * x, y, z) for x, y, z in points], np.float32))
            layer = np.zeros(self.height.shape, np.uint8)
            smooth = cv2.approxPolyDP(line[:, None], 0.1, False)
            cv2.polylines(layer, [np.round(smooth * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
            x0, y0 = np.maximum(line.min(axis=0).astype(int) - 20, 0)
            x1, y1 = line.max(axis=0).astype(int) + 20
            part = layer[y0:y1, x0:x1].astype(np.float32) / 255
            self.height[y0:y1, x0:x1] -= depth * wide * cv2.GaussianBlur(part, (0, 0), wide * chart.FINENESS)


def paint(person: Person) -> Skin:
    """Paints a person's skin."""
    canvas = _Canvas(person)
    _complexion(canvas)
    _wrinkles(canvas)
    base = np.exp((1 - person.melanin) * np.log(PALE) + person.melanin * np.log(DARK))
    base = (
        base * np.exp(0.10 * person.skin_hue * np.array([-0.3, 0.25, -0.55])) * (1 + 0.02 * canvas.rng.normal(size=3))
    )
    fair = 1 - 0.6 * person.melanin
    log = canvas.blood[..., None] * (BLOOD * fair) + canvas.melanin[..., None] * MELANIN
    colour = (base * np.exp(log)).astype(np.float32)
    _spots(canvas, colour)
    _make_up(canvas, colour)
    _beard_shadow(canvas, colour)
    _brow_shadow(canvas, colour)
    _scalp(canvas, colour)
    lips = _lips(person, base)
    colour *= np.clip(1 + 1.2 * cv2.GaussianBlur(np.minimum(canvas.height, 0), (0, 0), 0.8), 0.6, 1)[..., None]
    return Skin(_packed(colour, canvas.gloss), _slopes(canvas.height), base.astype(np.float32), lips)


def _complexion(canvas: _Canvas) -> None:
    person, rng, blob = canvas.person, canvas.rng, canvas.blob
    flush = person.redness * rng.uniform(0.7, 1.2)
    canvas.blood += flush * (
        0.55 * blob(0.47, 6.95, 1.35, 0.30, 0.24)
        + 0.60 * blob(0, 6.93, 1.68, 0.17, 0.16)
        + 0.45 * blob(0.16, 6.87, 1.5, 0.07, 0.07)
        + 0.35 * blob(0, 6.30, 1.48, 0.25, 0.13)
        + 0.55 * blob(0.31, 7.26, 1.4, 0.20, 0.10)
        + 0.15 * blob(0, 7.75, 1.5, 0.4, 0.15)
    )
    canvas.blood += 0.16 * chart.own_noise(rng, 1.3) * person.redness + 0.10 * chart.own_noise(rng, 0.7)
    tired = rng.uniform(0.1, 0.8)
    canvas.melanin += 0.10 * chart.own_noise(rng, 1.5) + 0.055 * chart.own_noise(rng, 0.5)
    canvas.melanin += 0.45 * tired * blob(0.27, 7.16, 1.38, 0.16, 0.07) + 0.30 * blob(0.31, 7.33, 1.4, 0.2, 0.06)
    canvas.melanin += 0.25 * blob(0.13, 6.85, 1.5, 0.05, 0.05) + 0.15 * (canvas.heights < 6.1)
    oily = blob(0, 7.75, 1.5, 0.35, 0.25) + blob(0, 7.1, 1.65, 0.12, 0.3) + 0.6 * blob(0, 6.3, 1.5, 0.15, 0.1)
    canvas.gloss += 0.30 * person.oil * oily + 0.05 * chart.own_noise(rng, 0.7)
    canvas.height += 0.10 * (0.25 + person.pores) * chart.own_noise(rng, 0.15)
    canvas.height += 0.035 * (0.4 + person.wrinkles) * chart.own_noise(rng, 0.8)


def _wrinkles(canvas: _Canvas) -> None:
    """Furrows deepen with age; the folds beside the nose are there from the start."""
    rng, old = canvas.rng, canvas.person.wrinkles

    def shaken(points: list[tuple[float, float, float]], by: float) -> list[tuple[float, float, float]]:
        return [(x and x + by * rng.normal(), y + by * rng.normal(), z) for x, y, z in points]

    fold = [(0.20, 6.90, 1.50), (0.27, 6.80, 1.47), (0.32, 6.68, 1.42), (0.34, 6.58, 1.38)]
    canvas.stroke(shaken(fold, 0.008), 0.35 + 0.9 * old, 2.2 + 1.5 * old)
    canvas.stroke([(0.14, 7.20, 1.42), (0.24, 7.13, 1.40), (0.38, 7.14, 1.36)], 0.25 + 0.5 * old, 1.6)
    if old < 0.08:
        return
    for index in range(int(rng.integers(2, 6))):
        y, wide = 7.68 + 0.09 * index + 0.02 * rng.normal(), rng.uniform(0.3, 0.55)
        line = [
            (wide * s, y - 0.03 * abs(s) + 0.012 * rng.normal(), 1.5 - 0.15 * abs(s)) for s in np.linspace(-1, 1, 7)
        ]
        canvas.stroke(line, old * rng.uniform(0.1, 0.55), rng.uniform(1.0, 2.0))
    for index in range(int(rng.integers(2, 5))):
        y = 7.34 - 0.055 * index
        foot = [(0.50, 7.27 + 0.015 * (1 - index), 1.27), (0.58, y, 1.16), (0.66, y + 0.04 * (1 - index), 1.05)]
        canvas.stroke(shaken(foot, 0.01), old * rng.uniform(0.3, 0.8), 1.2)
    canvas.stroke(shaken([(0.05, 7.50, 1.53), (0.06, 7.60, 1.53), (0.05, 7.68, 1.53)], 0.006), 0.7 * old, 1.3)
    canvas.stroke(shaken([(0.27, 6.58, 1.40), (0.30, 6.45, 1.36), (0.28, 6.35, 1.34)], 0.008), 0.8 * old, 1.8)
    for index in range(3):
        y = 7.10 - 0.035 * index
        canvas.stroke(shaken([(0.18, y, 1.41), (0.30, y - 0.03, 1.39), (0.44, y, 1.33)], 0.008), 0.4 * old, 1.1)


def _spots(canvas: _Canvas, colour: Floats) -> None:
    """Paints freckles, moles and age spots."""
    rng, person = canvas.rng, canvas.person
    layer = np.zeros(canvas.blood.shape, np.uint8)
    count = int(700 * person.freckles)
    middle = np.array([chart.WIDTH / 2, 0.46 * chart.HEIGHT])
    centres = middle + chart.FINENESS * np.array([75, 42]) * rng.normal(size=(count, 2))
    sizes, strengths = chart.FINENESS * rng.gamma(2.0, 0.45, count), rng.uniform(40, 200, count)
    for (x, y), size, strength in zip(centres, sizes, strengths, strict=True):
        cv2.circle(layer, (int(x * 16), int(y * 16)), int(16 * size), int(strength), -1, cv2.LINE_AA, 4)
    old = int(40 * max(0.0, person.wrinkles - 0.3) * rng.random())
    for _ in range(old):
        x, y = rng.normal((0.5, 0.37), (0.11, 0.18)) * (chart.WIDTH, chart.HEIGHT)
        axes = (int(rng.integers(1, 6)), int(rng.integers(1, 4)))
        cv2.ellipse(
            layer,
            (int(x), int(y)),
            axes,
            float(rng.uniform(0, 180)),
            0,
            360,
            int(rng.integers(30, 120)),
            -1,
            cv2.LINE_AA,
        )
    softened = cv2.GaussianBlur(layer, (0, 0), 0.8)
    colour *= np.exp(softened[..., None].astype(np.float32) / 255 * (1.7 * MELANIN))
    for _ in range(int(rng.poisson(2))):
        x, y = rng.uniform((0.37, 0.23), (0.63, 0.78)) * (chart.WIDTH, chart.HEIGHT)
        mole = np.zeros(canvas.blood.shape, np.float32)
        cv2.circle(mole, (int(x), int(y)), int(rng.integers(1, 3)), 1.0, -1, cv2.LINE_AA)
        part = cv2.GaussianBlur(mole, (0, 0), 0.7)
        colour *= (1 - 0.7 * part)[..., None]
        canvas.height += 0.5 * part


def _make_up(canvas: _Canvas, colour: Floats) -> None:
    person, rng = canvas.person, canvas.rng
    if person.make_up <= 0:
        return
    shade = np.array([0.10, 0.05, 0.05]) + 0.10 * rng.random(3)
    lid = np.clip(canvas.blob(0.32, 7.36, 1.40, 0.17, 0.055), 0, 1) * person.make_up * rng.uniform(0.1, 0.7)
    _mix(colour, shade, lid)
    blush = np.clip(canvas.blob(0.50, 6.98, 1.3, 0.22, 0.13), 0, 1) * person.make_up * rng.uniform(0, 0.45)
    _mix(colour, np.array([0.55, 0.16, 0.15]) * (1 - 0.6 * person.melanin), blush)
    canvas.height *= 1 - 0.4 * person.make_up


def _beard_shadow(canvas: _Canvas, colour: Floats) -> None:
    """Darkens the skin of shaven cheeks and under a beard."""
    person = canvas.person
    inside = chart.beard_area(canvas.degrees[None], canvas.heights)
    edge = np.clip((inside + 0.04 * chart.own_noise(canvas.rng, 1.2)) / 0.16, 0, 1)
    strength = {"none": 0.28, "stubble": 0.55, "short": 0.75, "full": 0.75}.get(person.beard, 0.35) * person.stubble
    dots = np.clip(0.75 + 0.35 * chart.own_noise(canvas.rng, 0.0), 0, 1.3)
    tint = np.array(person.brow_colour, np.float32) * 0.8 + np.array([0.012, 0.014, 0.016], np.float32)
    _mix(colour, tint, 0.75 * edge * strength * dots)


def _brow_shadow(canvas: _Canvas, colour: Floats) -> None:
    """Paints the finest hairs of the brows, which are not strands."""
    person = canvas.person
    along = np.abs(np.radians(canvas.degrees))[None] * 1.02  # dm from the middle, near enough in front
    line = np.interp(along, *BROW_LINE)
    half = 0.9 * np.interp(along, *BROW_HALF) * person.brow_thickness
    cover = np.exp(-(((canvas.heights - line) / half) ** 2)) * (along > 0.09) * (along < 0.57)
    share = 0.5 * person.brow_density * cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 1.2)
    _mix(colour, np.array(person.brow_colour), np.clip(share, 0, 0.8))


def _scalp(canvas: _Canvas, colour: Floats) -> None:
    """Gives the skin under hair the hair's colour, so that it does not shine through."""
    person = canvas.person
    if person.hair == "bald" and person.sex < 0.5:
        return
    line = chart.hairline(canvas.degrees, person.hairline)
    above = canvas.heights - line[None] + 0.045 * chart.own_noise(canvas.rng, 1.1)
    soft = 0.16 if person.hair in SHAVEN else 0.10
    cover = np.clip(above / soft, 0, 1)
    if person.hair in {"receding", "bald"}:
        top = np.clip((canvas.heights - 7.75) / 0.25, 0, 1)
        cover *= 1 - top * (1.0 if person.hair == "bald" else 0.75)
        cover *= 0.35 if person.hair == "bald" else 0.8
    grain = np.clip(0.85 + 0.25 * chart.own_noise(canvas.rng, 0.2), 0, 1)
    _mix(colour, np.array(person.hair_colour, np.float32) * 0.55 + 0.004, 0.9 * cover * grain)
    canvas.gloss *= 1 - 0.5 * cover


def _lips(person: Person, base: Floats) -> Floats:
    rng = person.rng(3)
    natural = base * np.array([0.92, 0.55, 0.58]) * np.exp(0.10 * rng.normal(size=3))
    if rng.random() < 0.7 * (person.make_up > 0.2):
        stick = np.array([[0.45, 0.05, 0.06], [0.40, 0.10, 0.11], [0.30, 0.03, 0.08], [0.50, 0.17, 0.15]])[
            rng.integers(4)
        ]
        natural = natural + (stick - natural) * rng.uniform(0.3, 0.9)
    reflectance: Floats = natural.astype(np.float32)
    return reflectance


def _mix(colour: Floats, towards: npt.NDArray[np.floating], share: Floats) -> None:
    colour += (towards.astype(np.float32) - colour) * share[..., None].astype(np.float32)


def _packed(colour: Floats, gloss: Floats) -> Bytes:
    packed = np.empty((*gloss.shape, 4), np.float32)
    packed[..., :3] = np.sqrt(np.clip(colour, 0, 1))
    packed[..., 3] = np.clip(gloss, 0, 1)
    return (packed * 255 + 0.5).astype(np.uint8)


def _slopes(height: Floats) -> Bytes:
    """Slopes of heights in 160ths of a decimetre."""
    along = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    up = -cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    slopes = np.stack([along, up], axis=-1) * np.float32(chart.FINENESS / RELIEF)
    rounded: Bytes = (np.clip(0.5 + 0.5 * slopes, 0, 1) * 255 + 0.5).astype(np.uint8)
    return rounded
