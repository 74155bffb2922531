"""Shapes of hair: a shell over the skull with a hairline, and ellipsoids for locks, curls, spikes, buns and hats."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fomm_train.faces.head_shape import skull_top
from fomm_train.faces.identity import Identity
from fomm_train.faces.solids import Parts, Solid, solid


class Hairline(NamedTuple):
    """Heights (Y) at which the shell ends."""

    front: float  # at the forehead
    side: float  # above the ears
    back: float  # at the neck
    slope: float  # rise of the forehead's line towards the parting
    jag: float  # height of its irregularities


HAIRLINES = {
    "short": Hairline(-0.50, 0.02, 0.45, 0.05, 0.025),
    "side_part": Hairline(-0.50, 0.06, 0.50, 0.16, 0.02),
    "bob": Hairline(-0.46, 0.34, 0.75, 0.10, 0.02),
    "long": Hairline(-0.50, 0.34, 0.75, 0.06, 0.015),
    "bun": Hairline(-0.52, 0.02, 0.45, 0.03, 0.01),
    "curly": Hairline(-0.50, 0.10, 0.55, 0.0, 0.03),
    "spiky": Hairline(-0.50, 0.00, 0.45, 0.0, 0.045),
    "fringe": Hairline(-0.24, 0.34, 0.75, 0.04, 0.035),
    "beanie": Hairline(-0.42, 0.10, 0.50, 0.0, 0.02),
}
SWEPT = ("short", "side_part", "bob", "long")
LOOSE = {"bob": 0.52, "fringe": 0.95, "long": 1.30}
"""Loose styles and their lengths."""


def shell_solid(identity: Identity) -> Solid:
    """The cap of hair over the cranium."""
    wide, high, deep = skull_top(identity)
    lift = {"short": 0.055, "bun": 0.045, "spiky": 0.05, "beanie": 0.06}.get(identity.hair, 0.075)
    lift *= identity.hair_volume
    return solid([((0, -0.22, -0.10), (wide + lift, high + lift + 0.01, deep + 0.75 * lift))])


@lru_cache(maxsize=1024)
def masses(identity: Identity) -> tuple[Solid | None, Solid | None]:
    """(behind the body, in front of it): the volumes beside the shell; None where the style has none."""
    style = identity.hair
    back = _loose_back(identity) if style in LOOSE else []
    front = _locks(identity) if style in LOOSE else []
    front += _swept(identity) if style in SWEPT else []
    front += _FRONTS[style](identity) if style in _FRONTS else []
    fine = style in {"curly", "spiky"}
    softness, fillet = (0.02, 0.015) if fine else (0.06, 0.05)
    return solid(back, 0.06, 0.05) if back else None, solid(front, softness, fillet) if front else None


def _loose_back(identity: Identity) -> Parts:
    volume, long = identity.hair_volume, LOOSE[identity.hair]
    lock = (0.46 * volume + 0.06, 0.36 + 0.56 * long, 0.40)
    return [
        ((0, 0.10, -0.30), (identity.head_width + 0.13 * volume, 0.98, 0.60)),
        *(((side * 0.50, 0.20 + 0.42 * long, -0.34), lock) for side in (-1.0, 1.0)),
    ]


def _locks(identity: Identity) -> Parts:
    width = 0.11 + 0.05 * identity.hair_volume
    tall = 0.72 + 0.20 * LOOSE[identity.hair]
    return [
        ((side * (identity.head_width - 0.005), -0.50 + tall, -0.02), (width, tall, 0.36), (0.0, 0.0, -0.07 * side))
        for side in (-1.0, 1.0)
    ]


def _swept(identity: Identity) -> Parts:
    """A second, larger cap pushed to one side of the parting; the hairline trims it over the face."""
    wide, side = identity.head_width, -np.sign(identity.parting)
    lift = 0.09 * identity.hair_volume
    tilt = 0.16 * side
    return [
        ((0.11 * side, -0.36 - lift, 0.02), (0.94 * wide, 0.62 + 0.4 * lift, 0.80 + lift), (0.0, 0.0, tilt)),
        ((-0.34 * side, -0.34 - lift, -0.02), (0.60 * wide, 0.56, 0.78), (0.0, 0.0, -tilt)),
    ]


def _bun(identity: Identity) -> Parts:
    wide, volume = identity.head_width, identity.hair_volume
    return [
        ((0.0, -1.12, -0.18), (0.31 * volume, 0.27 * volume, 0.30)),
        ((0.0, -0.92, -0.10), (0.30, 0.14, 0.30)),
        *(((s * (wide - 0.02), 0.06, 0.20), (0.045, 0.24, 0.06), (0.0, 0.0, 0.06 * s)) for s in (-1.0, 1.0)),
    ]


def _curls(identity: Identity) -> Parts:
    """Balls along a spiral over the skull, none over the face."""
    rng = np.random.default_rng([identity.seed, 5])
    parts: Parts = []
    for index in range(30):
        turn = index * 2.39996
        height = 1 - 1.22 * (index + 0.5) / 30
        ring = float(np.sqrt(1 - height * height))
        x, z = ring * np.sin(turn), ring * np.cos(turn)
        if z > 0.35 and height < 0.36:
            continue
        size = float(rng.uniform(0.24, 0.34)) * (0.75 + 0.25 * identity.hair_volume)
        centre = (float(x * (identity.head_width + 0.05)), float(-0.22 - 0.84 * height), float(-0.10 + 0.74 * z))
        parts.append((centre, (size, size, size)))
    return parts


def _spikes(identity: Identity) -> Parts:
    rng = np.random.default_rng([identity.seed, 5])
    parts: Parts = []
    for index in range(9):
        lean = (index - 4) / 4
        depth = float(rng.uniform(-0.1, 0.42))
        tall = float(rng.uniform(0.24, 0.36)) * identity.hair_volume
        angle = 0.95 * lean + float(rng.normal(0, 0.1))
        x, y = 0.62 * np.sin(1.2 * lean), -0.22 - 0.74 * np.cos(0.9 * lean)
        parts.append(((float(x), float(y), depth), (0.15, tall, 0.16), (0.0, 0.0, angle)))
    return parts


def _beanie(identity: Identity) -> Parts:
    wide = identity.head_width + 0.10
    return [((0, -0.50, -0.08), (wide, 0.70, 0.92)), ((0, -1.22, -0.08), (0.17, 0.16, 0.17))]


_FRONTS = {"bun": _bun, "curly": _curls, "spiky": _spikes, "beanie": _beanie}
