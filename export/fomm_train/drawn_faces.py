"""The recipe of the project's own checkpoint, drawn-faces-256."""

from __future__ import annotations

from dataclasses import replace

from fomm_export.checkpoints.configuration_file import OWN_NAMES
from fomm_train.recipe import LossWeights, Recipe, Stage

MOTION = LossWeights(warp=2.0, flow=20.0, landmark=30.0)
FACES = replace(MOTION, region=5.0)
EXPRESSIONS = replace(MOTION, region=10.0)
PRECISE_MOTION = LossWeights(warp=2.0, flow=50.0, landmark=30.0, jacobian=15.0, occlusion=1.0)
EVERYTHING = replace(PRECISE_MOTION, warp=5.0, value=30.0, gradient=5.0, region=10.0)
MOUTHS = replace(EVERYTHING, mouth=3.0)

BEGINNING = Stage(
    *("motion, and pictures of 128×128", 700, 128, 4, 4, 1e-3, 1e-3),
    true_keypoints=True,
    still=0.25,
    weights=MOTION,
)
PICTURES = Stage(
    *("pictures of 256×256", 2000, 256, 2, 4, 8e-4, 8e-4),
    batch_statistics=False,
    other_identity=0.25,
    still=0.1,
    weights=FACES,
)
FALL = replace(PICTURES, name="ever smaller steps", steps=600, last_learning_rate=1e-5, still=0.0)
PRECISION = replace(PICTURES, pairs_per_group=6, still=0.05, trains="motion", weights=PRECISE_MOTION)

DRAWN_FACES = Recipe(
    name=OWN_NAMES[0],
    seed=1,
    groups=600,
    first_group_seed=10_000_000,
    frame_size=256,
    ema_decay=0.995,
    stages=(
        BEGINNING,
        PICTURES,
        FALL,
        replace(PICTURES, name="eyes and mouths", steps=1650, weights=EXPRESSIONS),
        replace(FALL, name="ever smaller steps, again", steps=450, still=0.05, weights=EXPRESSIONS),
        replace(FALL, name="once more", steps=300, learning_rate=4e-4, still=0.05, weights=EXPRESSIONS),
        replace(
            PRECISION,
            name="motion of true keypoints",
            steps=900,
            learning_rate=2e-3,
            last_learning_rate=1e-3,
            true_keypoints=True,
        ),
        replace(PRECISION, name="motion of keypoints found", steps=1400, learning_rate=1e-3, last_learning_rate=3e-4),
        replace(PICTURES, name="pictures by that motion", steps=400, still=0.05, trains="pictures", weights=EVERYTHING),
        replace(PICTURES, name="everything", steps=280, still=0.05, weights=EVERYTHING),
        replace(FALL, name="everything, ever smaller steps", steps=1400, weights=EVERYTHING),
        replace(FALL, name="mouths", steps=400, learning_rate=5e-4, weights=MOUTHS),
        replace(FALL, name="and rest", steps=190, learning_rate=4e-4, still=0.3, weights=MOUTHS),
        replace(
            PICTURES,
            name="pictures of finer features",
            steps=900,
            learning_rate=1.5e-3,
            last_learning_rate=8e-4,
            trains="pictures",
            weights=MOUTHS,
        ),
        replace(PICTURES, name="everything of finer features", steps=291, weights=MOUTHS),
        replace(
            PICTURES,
            name="everything of finer features, mouths like eyes",
            steps=1900,
            last_learning_rate=3e-4,
            weights=EVERYTHING,
        ),
        replace(FALL, name="finer mouths", steps=1200, learning_rate=4e-4, still=0.1, weights=MOUTHS),
        replace(
            FALL,
            name="details",
            steps=5400,
            learning_rate=6e-4,
            still=0.1,
            weights=replace(MOUTHS, gradient=10.0),
        ),
    ),
)
"""What came of it, and what was done differently, is in the model card beside the checkpoint."""
