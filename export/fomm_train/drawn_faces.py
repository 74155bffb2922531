"""The recipe of the project's own checkpoint, drawn-faces-256; the model card beside the checkpoint has its history."""

from dataclasses import replace
from typing import Any

from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_train.recipe import LossWeights, Recipe, Stage

MOTION = LossWeights(warp=2.0, flow=20.0, landmark=30.0)
FACES = replace(MOTION, region=5.0)
EXPRESSIONS = replace(MOTION, region=10.0)
PRECISE_MOTION = LossWeights(warp=2.0, flow=50.0, landmark=30.0, jacobian=15.0, occlusion=1.0)
EVERYTHING = replace(PRECISE_MOTION, warp=5.0, value=30.0, gradient=5.0, region=10.0)
MOUTHS = replace(EVERYTHING, mouth=3.0)
ALONE: dict[str, Any] = {"trains": "motion", "pairs_per_group": 6}

SMALL = Stage(
    *("motion, and pictures at 128×128", 700, 128, 4, 4, 1e-3, 1e-3), true_keypoints=True, still=0.25, weights=MOTION
)
PICTURES = Stage(
    *("pictures at 256×256", 2000, 256, 2, 4, 8e-4, 8e-4),
    batch_statistics=False,
    other_identity=0.25,
    still=0.1,
    weights=FACES,
)


def _stage(
    name: str, steps: int, rates: tuple[float, float], still: float, weights: LossWeights, **changes: Any
) -> Stage:
    rate, last_rate = rates
    changes |= {"steps": steps, "learning_rate": rate, "last_learning_rate": last_rate}
    return replace(PICTURES, name=name, still=still, weights=weights, **changes)


DRAWN_FACES = Recipe(
    name=OWN_NAMES[0],
    seed=1,
    groups=600,
    first_group_seed=10_000_000,
    frame_size=256,
    ema_decay=0.995,
    stages=(
        SMALL,
        PICTURES,
        _stage("pictures at 256×256, decaying rate", 600, (8e-4, 1e-5), 0.0, FACES),
        _stage("eyes and mouths", 1650, (8e-4, 8e-4), 0.1, EXPRESSIONS),
        _stage("eyes and mouths, decaying rate", 450, (8e-4, 1e-5), 0.05, EXPRESSIONS),
        _stage("eyes and mouths, decaying rate again", 300, (4e-4, 1e-5), 0.05, EXPRESSIONS),
        _stage("motion from true keypoints", 900, (2e-3, 1e-3), 0.05, PRECISE_MOTION, **ALONE, true_keypoints=True),
        _stage("motion from detected keypoints", 1400, (1e-3, 3e-4), 0.05, PRECISE_MOTION, **ALONE),
        _stage("pictures with frozen motion", 400, (8e-4, 8e-4), 0.05, EVERYTHING, trains="pictures"),
        _stage("everything", 280, (8e-4, 8e-4), 0.05, EVERYTHING),
        _stage("everything, decaying rate", 1400, (8e-4, 1e-5), 0.0, EVERYTHING),
        _stage("mouths", 400, (5e-4, 1e-5), 0.0, MOUTHS),
        _stage("still faces", 190, (4e-4, 1e-5), 0.3, MOUTHS),
        _stage("finer features with frozen motion", 900, (1.5e-3, 8e-4), 0.1, MOUTHS, trains="pictures"),
        _stage("finer features, everything", 291, (8e-4, 8e-4), 0.1, MOUTHS),
        _stage("finer features, mouths weighted like eyes", 1900, (8e-4, 3e-4), 0.1, EVERYTHING),
        _stage("finer features, mouths", 1200, (4e-4, 1e-5), 0.1, MOUTHS),
        _stage("details", 5400, (6e-4, 1e-5), 0.1, replace(MOUTHS, gradient=10.0)),
    ),
)
