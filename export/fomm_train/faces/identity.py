"""Identities: everything about a head that stays the same while it moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fomm_train.faces import palettes
from fomm_train.faces.palettes import Colour, mixed

HUMAN_SHARE = 0.75
HAIR_STYLES = ("bald", "short", "side_part", "bob", "long", "bun", "curly", "spiky", "fringe", "beanie")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square")
CLOTHES = ("crew", "v_neck", "collar", "stripes", "hoodie", "jacket")
BACKGROUNDS = ("gradient", "glow", "bokeh", "panels", "hills", "room")


@dataclass(frozen=True)
class Identity:
    """A head, its dress and its surroundings. Lengths are in head units (skull half-height 1)."""

    seed: int
    species: str
    # Skull
    head_width: float
    jaw_width: float
    chin_width: float
    chin_drop: float
    cheek: float
    nose_length: float
    nose_width: float
    nose_height: float
    ear_size: float
    neck_width: float
    shoulder_width: float
    muzzle: float
    # Eyes and brows
    eye_size: float
    eye_spacing: float
    eye_y: float
    eye_tilt: float
    eye_height: float
    iris_size: float
    iris_colour: Colour
    pupil: str
    lash: float
    shadow_colour: Colour
    shadow_strength: float
    brow_thickness: float
    brow_angle: float
    brow_arch: float
    brow_colour: Colour
    # Mouth
    mouth_y: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_colour: Colour
    # Skin or fur
    skin: Colour
    marking: Colour
    inner_ear: Colour
    pattern: str
    blush: float
    freckles: float
    beard: str
    # Hair and dress
    hair: str
    hair_colour: Colour
    hair_volume: float
    parting: float
    glasses: str
    glasses_colour: Colour
    earrings: bool
    clothes: str
    clothes_colour: Colour
    clothes_second: Colour
    # Surroundings
    background: str
    backdrop: tuple[Colour, Colour, Colour]
    key_azimuth: float
    key_height: float
    key_colour: Colour
    fill_colour: Colour
    rim_strength: float


def _pick(rng: np.random.Generator, candidates: Sequence[Colour], jitter: float = 0.03) -> Colour:
    chosen = candidates[int(rng.integers(len(candidates)))]
    r, g, b = (float(np.clip(c + d, 0.02, 0.98)) for c, d in zip(chosen, rng.normal(0, jitter, 3), strict=True))
    return r, g, b


def _choose(rng: np.random.Generator, names: Sequence[str], weights: Sequence[float]) -> str:
    shares = np.asarray(weights, dtype=np.float64)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


@lru_cache(maxsize=4096)
def draw_identity(seed: int, species: str | None = None) -> Identity:
    """Draws the identity of a seed, of one of `palettes.SPECIES`; by default HUMAN_SHARE are human."""
    rng = np.random.default_rng([seed, 1])
    human_drawn = rng.random() < HUMAN_SHARE
    animal_drawn = list(palettes.FURS)[int(rng.integers(len(palettes.FURS)))]
    kind = species or ("human" if human_drawn else animal_drawn)
    human = kind == "human"
    # From feminine (-1) to masculine (1): several proportions vary together.
    lean = float(np.clip(rng.normal(0, 0.75), -1, 1))

    def around(middle: float, spread: float) -> float:
        return middle + spread * float(np.clip(rng.normal(0, 0.5), -1, 1))

    fantasy = human and rng.random() < 0.05
    if human:
        first, second = _pick(rng, palettes.SKIN, 0.012), _pick(rng, palettes.SKIN, 0.012)
        alike = sum(abs(a - b) for a, b in zip(first, second, strict=True)) < 0.25
        skin = mixed(first, second, 0.4) if alike else first
        if fantasy:
            skin = _pick(rng, palettes.FANTASY_SKIN)
        marking, inner = skin, skin
        hair_colour = _pick(rng, palettes.FANTASY_HAIR if rng.random() < 0.12 else palettes.HAIR, 0.02)
    else:
        furs, marking, inner = palettes.FURS[kind]
        skin = _pick(rng, furs, 0.015)
        hair_colour = mixed(skin, (0.1, 0.07, 0.06), 0.5)
    darkness = 1 - (0.3 * skin[0] + 0.6 * skin[1] + 0.1 * skin[2])
    lips = mixed(_pick(rng, palettes.LIPS), skin, 0.25 if lean < 0 else 0.5)
    lips = mixed(lips, (0.42, 0.2, 0.18), 0.55 * max(0.0, darkness - 0.3))
    hair_weights = (5, 20, 14, 2, 2, 3, 9, 9, 6, 6) if lean > 0 else (1, 5, 8, 14, 20, 11, 10, 3, 12, 5)
    beard_weights = (45, 20, 9, 12, 14) if lean > 0.15 else (1, 0, 0, 0, 0)
    iris = _pick(rng, palettes.FANTASY_IRIS if rng.random() < 0.06 or fantasy else palettes.IRIS)
    patterns = {"cat": ("plain", "tabby", "bib"), "dog": ("plain", "patch", "bib")}.get(kind, ("plain",))
    backdrop = (_pick(rng, palettes.BACKDROP), _pick(rng, palettes.BACKDROP), _pick(rng, palettes.BACKDROP))
    warm = float(rng.random())
    brow_colour = mixed(mixed(hair_colour, (0.12, 0.08, 0.06), 0.35), skin, 0.08)
    return Identity(
        seed=seed,
        species=kind,
        head_width=around(0.80 if human else 0.88, 0.06),
        jaw_width=around(0.60 + 0.045 * lean, 0.06) + (0.0 if human else 0.06),
        chin_width=around(0.23 + 0.05 * lean, 0.05),
        chin_drop=around(0.0 + 0.02 * lean, 0.05),
        cheek=around(1.0, 0.18),
        nose_length=around(0.37, 0.035),
        nose_width=around(0.115 + 0.012 * lean, 0.025),
        nose_height=around(0.14 + 0.01 * lean, 0.03),
        ear_size=around(1.0, 0.2),
        neck_width=around(0.33 + 0.045 * lean, 0.03),
        shoulder_width=around(1.02 + 0.1 * lean, 0.08),
        muzzle=around(1.0, 0.15),
        eye_size=around(0.252 - 0.012 * lean, 0.02),
        eye_spacing=around(0.352 if human else 0.375, 0.022),
        eye_y=around(0.07 if human else 0.0, 0.035),
        eye_tilt=around(0.025 if human else 0.035, 0.06),
        eye_height=around(0.308 - 0.02 * lean, 0.026),
        iris_size=around(0.146 if human else 0.148, 0.010),
        iris_colour=iris,
        pupil="slit" if kind in {"cat", "fox"} and rng.random() < 0.6 else "round",
        lash=float(np.clip(0.55 - 0.45 * lean + rng.normal(0, 0.12), 0.1, 1)) if human else 0.25,
        shadow_colour=_pick(rng, palettes.BACKDROP) if rng.random() < 0.3 else mixed(skin, (0.45, 0.2, 0.2), 0.5),
        shadow_strength=float(rng.uniform(0.15, 0.5)) * (1 if lean < 0.1 else 0.35) if human else 0.1,
        brow_thickness=around(0.034 + 0.010 * lean, 0.010),
        brow_angle=around(-0.012, 0.04),
        brow_arch=around(0.045 - 0.015 * lean, 0.02),
        brow_colour=brow_colour,
        mouth_y=around(0.635, 0.025),
        mouth_width=around(0.265, 0.04),
        lip_upper=around(0.042 - 0.012 * lean, 0.013) if human else 0.012,
        lip_lower=around(0.062 - 0.012 * lean, 0.014) if human else 0.02,
        lip_colour=lips if human else (0.24, 0.15, 0.15),
        skin=skin,
        marking=marking,
        inner_ear=inner,
        pattern=patterns[int(rng.integers(len(patterns)))],
        blush=float(rng.uniform(0.1, 0.6)) * (1 if human else 0.5),
        freckles=float(rng.uniform(0.4, 1)) if human and rng.random() < 0.18 else 0.0,
        beard=_choose(rng, BEARDS, beard_weights) if human else "none",
        hair=_choose(rng, HAIR_STYLES, hair_weights) if human else "bald",
        hair_colour=hair_colour,
        hair_volume=around(1.0, 0.25),
        parting=float(rng.choice([-1.0, 1.0])) * float(rng.uniform(0.3, 1)),
        glasses=_choose(rng, GLASSES, (75, 13, 12) if human else (93, 4, 3)),
        glasses_colour=_pick(rng, palettes.FRAMES, 0.01),
        earrings=bool(human and lean < 0.1 and rng.random() < 0.4),
        clothes=_choose(rng, CLOTHES, (22, 18, 20, 14, 14, 12)),
        clothes_colour=_pick(rng, palettes.CLOTHES),
        clothes_second=_pick(rng, palettes.CLOTHES),
        background=_choose(rng, BACKGROUNDS, (24, 24, 20, 10, 10, 12)),
        backdrop=backdrop,
        key_azimuth=float(rng.choice([-1.0, 1.0])) * float(rng.uniform(0.25, 0.85)),
        key_height=float(rng.uniform(0.35, 0.8)),
        key_colour=mixed((1.0, 0.9, 0.78), (0.95, 0.97, 1.0), warm),
        fill_colour=mixed((0.72, 0.8, 1.0), (1.0, 0.84, 0.74), warm),
        rim_strength=float(rng.uniform(0.25, 1.0)),
    )
