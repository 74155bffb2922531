"""The shape of a person's bust: MakeHuman's targets of sex, age, weight and origin, and many of single features."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fomm_train.people import assets
from fomm_train.people.assets import Floats
from fomm_train.people.bust import CHIN, CROWN
from fomm_train.people.person import ORIGINS, Person

# Both ends of each property, and the deviation between faces.
OPPOSITES: dict[str, float] = {
    "head/head-age-decr|incr": 0.2,
    "head/head-angle-in|out": 0.3,
    "head/head-back-scale-depth-decr|incr": 0.3,
    "head/head-fat-decr|incr": 0.45,
    "head/head-scale-depth-decr|incr": 0.25,
    "head/head-scale-horiz-decr|incr": 0.35,
    "head/head-scale-vert-decr|incr": 0.25,
    "nose/nose-base-down|up": 0.24,
    "nose/nose-compression-compress|uncompress": 0.21,
    "nose/nose-curve-concave|convex": 0.28,
    "nose/nose-flaring-decr|incr": 0.28,
    "nose/nose-greek-decr|incr": 0.21,
    "nose/nose-hump-decr|incr": 0.28,
    "nose/nose-nostrils-angle-down|up": 0.24,
    "nose/nose-nostrils-width-decr|incr": 0.28,
    "nose/nose-point-down|up": 0.24,
    "nose/nose-point-width-decr|incr": 0.28,
    "nose/nose-scale-depth-decr|incr": 0.21,
    "nose/nose-scale-horiz-decr|incr": 0.21,
    "nose/nose-scale-vert-decr|incr": 0.21,
    "nose/nose-septumangle-decr|incr": 0.21,
    "nose/nose-volume-decr|incr": 0.21,
    "nose/nose-width1-decr|incr": 0.24,
    "nose/nose-width2-decr|incr": 0.24,
    "nose/nose-width3-decr|incr": 0.24,
    "mouth/mouth-angles-down|up": 0.3,
    "mouth/mouth-cupidsbow-decr|incr": 0.2,
    "mouth/mouth-cupidsbow-width-decr|incr": 0.2,
    "mouth/mouth-laugh-lines-in|out": 0.3,
    "mouth/mouth-lowerlip-ext-down|up": 0.2,
    "mouth/mouth-lowerlip-height-decr|incr": 0.2,
    "mouth/mouth-lowerlip-volume-decr|incr": 0.2,
    "mouth/mouth-lowerlip-width-decr|incr": 0.2,
    "mouth/mouth-philtrum-volume-decr|incr": 0.3,
    "mouth/mouth-scale-depth-decr|incr": 0.2,
    "mouth/mouth-scale-horiz-decr|incr": 0.2,
    "mouth/mouth-scale-vert-decr|incr": 0.2,
    "mouth/mouth-trans-down|up": 0.3,
    "mouth/mouth-upperlip-ext-down|up": 0.2,
    "mouth/mouth-upperlip-height-decr|incr": 0.2,
    "mouth/mouth-upperlip-volume-decr|incr": 0.2,
    "mouth/mouth-upperlip-width-decr|incr": 0.2,
    "chin/chin-bones-decr|incr": 0.35,
    "chin/chin-cleft-decr|incr": 0.25,
    "chin/chin-height-decr|incr": 0.35,
    "chin/chin-jaw-drop-decr|incr": 0.3,
    "chin/chin-prognathism-decr|incr": 0.25,
    "chin/chin-prominent-decr|incr": 0.35,
    "chin/chin-width-decr|incr": 0.4,
    "forehead/forehead-nubian-decr|incr": 0.25,
    "forehead/forehead-scale-vert-decr|incr": 0.3,
    "forehead/forehead-temple-decr|incr": 0.35,
    "eyebrows/eyebrows-angle-down|up": 0.35,
    "eyebrows/eyebrows-trans-down|up": 0.3,
    "neck/neck-double-decr|incr": 0.3,
    "neck/neck-scale-depth-decr|incr": 0.3,
    "neck/neck-scale-horiz-decr|incr": 0.4,
    "neck/neck-scale-vert-decr|incr": 0.25,
    "cheek/*-cheek-bones-decr|incr": 0.4,
    "cheek/*-cheek-inner-decr|incr": 0.35,
    "cheek/*-cheek-trans-down|up": 0.3,
    "cheek/*-cheek-volume-decr|incr": 0.4,
    "eyes/*-eye-bag-height-decr|incr": 0.25,
    "eyes/*-eye-corner1-down|up": 0.35,
    "eyes/*-eye-corner2-down|up": 0.35,
    "eyes/*-eye-eyefold-angle-down|up": 0.35,
    "eyes/*-eye-eyefold-concave|convex": 0.35,
    "eyes/*-eye-eyefold-down|up": 0.35,
    "eyes/*-eye-height1-decr|incr": 0.3,
    "eyes/*-eye-height2-decr|incr": 0.3,
    "eyes/*-eye-height3-decr|incr": 0.3,
    "eyes/*-eye-push1-in|out": 0.3,
    "eyes/*-eye-push2-in|out": 0.3,
    "eyes/*-eye-scale-decr|incr": 0.3,
    "eyes/*-eye-trans-down|up": 0.2,
    "eyes/*-eye-trans-in|out": 0.3,
    "ears/*-ear-flap-decr|incr": 0.3,
    "ears/*-ear-lobe-decr|incr": 0.4,
    "ears/*-ear-scale-decr|incr": 0.3,
    "ears/*-ear-wing-decr|incr": 0.4,
}
OF_WOMEN: dict[str, float] = {
    "chin/chin-width-decr|incr": -0.55,
    "chin/chin-bones-decr|incr": -0.3,
    "chin/chin-height-decr|incr": -0.25,
    "chin/chin-jaw-drop-decr|incr": -0.25,
    "head/head-fat-decr|incr": -0.1,
    "nose/nose-volume-decr|incr": -0.3,
    "nose/nose-scale-horiz-decr|incr": -0.25,
    "nose/nose-hump-decr|incr": -0.25,
    "eyes/*-eye-scale-decr|incr": 0.3,
    "eyebrows/eyebrows-trans-down|up": 0.25,
    "cheek/*-cheek-bones-decr|incr": 0.2,
    "forehead/forehead-nubian-decr|incr": -0.2,
    "neck/neck-scale-horiz-decr|incr": -0.4,
}
"""Mean of women's features; that of men's lies on the other side, half as far."""
HEAD_SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
UNEVEN = 0.12
"""Difference between the halves of a face, as a share of that between faces."""
YOUNG, OLD, CHILD = 25.0, 75.0, 9.0
"""Apparent age in years of MakeHuman's ages."""


class Shape(NamedTuple):
    """A neutral bust.

    Attributes:
        vertices: (V, 3) of the base mesh, dm.
        centre: (3,), the origin of the head's coordinates, dm.
        unit: dm in one head unit: half the height from chin to crown.
    """

    vertices: Floats
    centre: Floats
    unit: float


@lru_cache(maxsize=64)
def shape_of(person: Person) -> Shape:
    """The neutral shape of a person."""
    vertices = assets.base_mesh().vertices.copy()
    for name, weight in _weights(person).items():
        target = assets.shape_target(name)
        vertices[target.indices] += np.float32(weight) * target.offsets
    top, bottom = float(vertices[CROWN, 1]), float(vertices[CHIN, 1])
    ears = 0.45 + float(vertices[CROWN, 2] - assets.base_mesh().vertices[CROWN, 2])
    return Shape(vertices, np.array([0, 0.5 * (top + bottom), ears], np.float32), 0.5 * (top - bottom))


def _weights(person: Person) -> dict[str, float]:
    rng = person.rng(1)
    weights: dict[str, float] = {}
    ages = _ages(person.age)
    fat = float(np.clip(rng.normal(0.1, 0.55), -1, 1))
    loads = {"averageweight": 1 - abs(fat), "maxweight" if fat > 0 else "minweight": abs(fat)}
    muscle = float(np.clip(rng.normal(0, 0.4), -1, 1)) * (0.4 + 0.6 * person.sex)
    muscles = {"averagemuscle": 1 - abs(muscle), "maxmuscle" if muscle > 0 else "minmuscle": abs(muscle)}
    for sex, of_sex in (("female", 1 - person.sex), ("male", person.sex)):
        for age, of_age in ages.items():
            for origin, of_origin in zip(ORIGINS, person.origin, strict=True):
                weights[f"macrodetails/{origin}-{sex}-{age}"] = of_sex * of_age * of_origin
            for load, of_load in loads.items():
                for strength, of_strength in muscles.items():
                    name = f"macrodetails/universal-{sex}-{age}-{strength}-{load}"
                    weights[name] = of_sex * of_age * of_load * of_strength
    shape = HEAD_SHAPES[int(rng.integers(len(HEAD_SHAPES)))]
    weights[f"head/head-{shape}"] = float(rng.uniform(0, 0.7))
    for names, spread in OPPOSITES.items():
        lean = OF_WOMEN.get(names, 0.0) * (1 - 1.5 * person.sex) * min(1.0, person.age / 20)
        value = float(np.clip(rng.normal(lean, spread), -0.9, 0.9))
        uneven = float(rng.normal(0, spread * UNEVEN))
        sides = {"l": value + uneven, "r": value - uneven} if "*" in names else {"": value}
        for side, amount in sides.items():
            stem, _, ends = names.replace("*", side).rpartition("-")
            low, high = ends.split("|")
            weights[f"{stem}-{high if amount > 0 else low}"] = abs(amount)
    if person.origin[1] > 0.5:
        for side in "lr":
            weights[f"eyes/{side}-eye-epicanthus-in"] = float(person.origin[1] * rng.uniform(0, 0.7))
    if person.age > 40:
        for side in "lr":
            weights[f"eyes/{side}-eye-bag-incr"] = float(np.clip((person.age - 40) / 50 + rng.normal(0, 0.1), 0, 0.8))
    return {name: weight for name, weight in weights.items() if weight > 0.01}


def _ages(age: float) -> dict[str, float]:
    if age < YOUNG:
        young = float(np.clip((age - CHILD) / (18 - CHILD), 0, 1))
        return {"child": 1 - young, "young": young}
    old = float(np.clip((age - YOUNG) / (OLD - YOUNG), 0, 1)) ** 1.3
    return {"young": 1 - old, "old": old}
