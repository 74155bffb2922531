"""The properties of a rendered person, drawn from a seed; everything else follows from them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Colour = tuple[float, float, float]
"""Linear RGB reflectance."""

HAIR_STYLES = (
    *("bald", "receding", "buzz", "short", "swept", "side_part", "slick", "curly", "afro"),
    *("bob", "long", "wavy", "fringe", "ponytail", "bun"),
)
BEARDS = ("none", "stubble", "moustache", "goatee", "short", "full")
GLASSES = ("none", "round", "square", "half_rim", "sun")
CLOTHES = ("crew", "v_neck", "scoop", "turtleneck", "shirt", "jacket", "hoodie")
CLOTH_PATTERNS = ("plain", "stripes", "checks", "heather")

ORIGINS = ("african", "asian", "caucasian")
HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.012, 0.010, 0.009),
    "dark brown": (0.035, 0.020, 0.012),
    "brown": (0.085, 0.045, 0.022),
    "light brown": (0.17, 0.10, 0.052),
    "blond": (0.36, 0.25, 0.13),
    "red": (0.19, 0.060, 0.022),
    "grey": (0.30, 0.29, 0.28),
    "white": (0.58, 0.56, 0.53),
}
IRISES: tuple[Colour, ...] = (
    *((0.055, 0.026, 0.010), (0.09, 0.045, 0.016), (0.035, 0.017, 0.008), (0.15, 0.095, 0.035)),
    *((0.12, 0.14, 0.06), (0.13, 0.19, 0.25), (0.20, 0.25, 0.28), (0.10, 0.16, 0.30)),
)


FRAMES: tuple[Colour, ...] = (
    *((0.012, 0.012, 0.014), (0.09, 0.045, 0.02), (0.30, 0.20, 0.09), (0.42, 0.42, 0.44), (0.16, 0.02, 0.02)),
)


@dataclass(frozen=True)
class Person:
    """The properties that do not change with motion.

    Attributes:
        seed: Equal seeds give equal persons.
        sex: 0 female, 1 male, and everything between.
        age: Years, 8 to 85.
        origin: Shares of ORIGINS, summing to 1.
        melanin: 0 the palest skin, 1 the darkest.
        redness: Blood under the skin, about 1.
        skin_hue: Hue of the undertone, -1 rosy to 1 olive.
        freckles, wrinkles, pores, oil, make_up, stubble: Strengths, 0 to 1.
        iris: Colour of the irises.
        lids: How far the eyes are shut at rest.
        hair: One of HAIR_STYLES.
        hair_colour: Colour of the hair.
        brow_colour: Colour of brows and beard.
        hair_length, hair_volume, hair_curl: Relative to the style's own.
        parting: Where the hair parts, -1 the picture's left to 1.
        hairline: Distance that it has moved up, dm.
        brow_thickness, brow_density: About 1.
        beard: One of BEARDS.
        glasses: One of GLASSES.
        frame: Colour of the glasses.
        clothes: One of CLOTHES.
        cloth, second_cloth: Colours of the clothes.
        cloth_pattern: One of CLOTH_PATTERNS.
        distance: Distance of the camera, head units.
    """

    seed: int
    sex: float
    age: float
    origin: tuple[float, float, float]
    melanin: float
    redness: float
    skin_hue: float
    freckles: float
    wrinkles: float
    pores: float
    oil: float
    make_up: float
    stubble: float
    iris: Colour
    lids: float
    hair: str
    hair_colour: Colour
    brow_colour: Colour
    hair_length: float
    hair_volume: float
    hair_curl: float
    parting: float
    hairline: float
    brow_thickness: float
    brow_density: float
    beard: str
    glasses: str
    frame: Colour
    clothes: str
    cloth: Colour
    second_cloth: Colour
    cloth_pattern: str
    distance: float

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, independent of what others draw."""
        return np.random.default_rng((self.seed, 17, purpose))


@lru_cache(maxsize=4096)
def draw_person(seed: int) -> Person:
    """The person of a seed."""
    rng = np.random.default_rng((seed, 11))
    sex = float(np.clip(0.5 + (0.5 if rng.random() < 0.5 else -0.5) * rng.uniform(0.6, 1.15), 0, 1))
    male = sex > 0.5
    ages = rng.uniform(8, 16), rng.uniform(16, 45), rng.uniform(45, 85)
    age = float(rng.choice(ages, p=[0.08, 0.62, 0.30]))
    shares = rng.dirichlet((0.35, 0.35, 0.35))
    origin = (float(shares[0]), float(shares[1]), float(shares[2]))
    melanin = float(np.clip(shares @ (0.78, 0.33, 0.16) + rng.normal(0, 0.09), 0.02, 1))
    grown = age > 17
    hair = _hair(rng, male, age)
    hair_colour = _hair_colour(rng, age, melanin)
    dark = _scaled(hair_colour, 0.55 if max(hair_colour) > 0.1 else 0.9)
    return Person(
        seed=seed,
        sex=sex,
        age=age,
        origin=origin,
        melanin=melanin,
        redness=float(np.clip(rng.normal(1, 0.25), 0.4, 1.8)),
        skin_hue=float(np.clip(rng.normal(0, 0.5) + 0.3 * shares[1], -1, 1)),
        freckles=float(rng.uniform(0.3, 1)) if melanin < 0.3 and rng.random() < 0.25 else float(rng.uniform(0, 0.15)),
        wrinkles=float(np.clip((age - 28) / 45 + rng.normal(0, 0.12), 0, 1)),
        pores=float(np.clip(0.2 + 0.3 * male + 0.3 * (age > 35) + rng.normal(0, 0.2), 0.05, 1)),
        oil=float(rng.beta(2, 3)),
        make_up=float(rng.uniform(0.15, 1)) if not male and grown and rng.random() < 0.6 else 0.0,
        stubble=float(rng.uniform(0.1, 1)) if male and grown else 0.0,
        iris=_iris(rng, melanin),
        lids=float(np.clip(rng.normal(0.07, 0.04), 0.0, 0.18)),
        hair=hair,
        hair_colour=hair_colour,
        brow_colour=dark,
        hair_length=float(np.exp(rng.normal(0, 0.25))),
        hair_volume=float(np.exp(rng.normal(0, 0.3))),
        hair_curl=float(rng.random()) ** 1.5,
        parting=float(rng.choice([-1, 1])) * float(rng.uniform(0.0, 1)),
        hairline=float(np.clip(rng.normal(0, 0.05) + (0.10 * rng.random() if male and age > 30 else 0), -0.10, 0.25)),
        brow_thickness=float(np.clip(rng.normal(0.95 if male else 0.68, 0.18), 0.4, 1.5)),
        brow_density=float(np.clip(rng.normal(1 if male else 0.8, 0.25), 0.35, 1.5)),
        beard=_choose(rng, BEARDS, (48, 14, 6, 7, 14, 11)) if male and grown else "none",
        glasses=_choose(rng, GLASSES, (70, 11, 11, 5, 3)),
        frame=FRAMES[int(rng.choice(5, p=[0.45, 0.2, 0.1, 0.17, 0.08]))],
        clothes=_choose(rng, CLOTHES, (24, 14, 10 if not male else 2, 9, 18, 16, 9)),
        cloth=_cloth(rng),
        second_cloth=_cloth(rng),
        cloth_pattern=_choose(rng, CLOTH_PATTERNS, (58, 13, 9, 20)),
        distance=float(rng.uniform(5.5, 16)),
    )


def _choose(rng: np.random.Generator, names: tuple[str, ...], weights: tuple[float, ...]) -> str:
    shares = np.asarray(weights, np.float64)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def _scaled(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _hair(rng: np.random.Generator, male: bool, age: float) -> str:
    weights: tuple[float, ...] = (0.5, 0, 1, 4, 3, 3, 3, 7, 6, 14, 20, 15, 11, 8, 7)
    if male:
        old = age > 45
        weights = (9 if old else 3, 14 if old else 2, 13, 22, 15, 13, 8, 8, 5, 1, 3, 2, 1, 1, 1)
    return _choose(rng, HAIR_STYLES, weights)


def _hair_colour(rng: np.random.Generator, age: float, melanin: float) -> Colour:
    dark = float(np.clip(melanin / 0.35, 0, 1))
    natural = _choose(
        rng,
        ("black", "dark brown", "brown", "light brown", "blond", "red"),
        (10 + 50 * dark, 22, 24 - 18 * dark, 17 - 15 * dark, 15 - 14 * dark, 6 - 5.5 * dark),
    )
    chosen = np.array(HAIR_COLOURS[natural])
    grey = float(np.clip((age - rng.uniform(35, 75)) / 15, 0, 1))
    towards = np.array(HAIR_COLOURS["white" if rng.random() < 0.35 else "grey"])
    mixed = (chosen * (1 - grey) + towards * grey) * np.exp(rng.normal(0, 0.2))
    if rng.random() < 0.02:
        mixed = rng.dirichlet((1.5, 1.5, 1.5)) * 0.4
    return float(mixed[0]), float(mixed[1]), float(mixed[2])


def _iris(rng: np.random.Generator, melanin: float) -> Colour:
    among = 3 if melanin > 0.35 else len(IRISES)
    return _scaled(IRISES[int(rng.integers(among))], float(np.exp(rng.normal(0, 0.2))))


def _cloth(rng: np.random.Generator) -> Colour:
    """Greys, whites and blues are common, saturated colours less so."""
    value = float(rng.choice([rng.uniform(0.01, 0.06), rng.uniform(0.06, 0.3), rng.uniform(0.5, 0.85)]))
    if rng.random() < 0.4:
        tint = 1 + 0.05 * rng.normal(size=3)
    else:
        hue = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(4.0, 0.4)
        wheel = np.cos(hue - np.array([0, 2.1, 4.2]))
        tint = np.exp(rng.uniform(0.2, 1.1) * wheel)
    r, g, b = np.clip(value * tint, 0.005, 0.9)
    return float(r), float(g), float(b)
