"""The recipe of the project's own checkpoint, drawn-faces-256."""

from __future__ import annotations

from dataclasses import replace

from fomm_export.configuration import OWN_NAMES
from fomm_export.training.recipe import LossWeights, Recipe, Stage

MOTION = LossWeights(warp=2.0, flow=20.0, landmark=30.0)
FACES = replace(MOTION, region=5.0)
EXPRESSIONS = replace(MOTION, region=10.0)

DRAWN_FACES = Recipe(
    name=OWN_NAMES[0],
    seed=1,
    groups=600,
    first_group_seed=10_000_000,
    frame_size=256,
    ema_decay=0.995,
    stages=(
        Stage("motion, and pictures of 128×128", 700, 128, 4, 4, 1e-3, 1e-3, True, still=0.25, weights=MOTION),
        Stage("pictures of 256×256", 2000, 256, 2, 4, 8e-4, 8e-4, False, False, 0.25, still=0.1, weights=FACES),
        Stage("ever smaller steps", 600, 256, 2, 4, 8e-4, 1e-5, False, False, 0.25, weights=FACES),
        Stage("eyes and mouths", 1650, 256, 2, 4, 8e-4, 8e-4, False, False, 0.25, still=0.1, weights=EXPRESSIONS),
        Stage("ever smaller steps, again", 450, 256, 2, 4, 8e-4, 1e-5, False, False, 0.25, 0.05, weights=EXPRESSIONS),
        Stage("and once more", 300, 256, 2, 4, 4e-4, 1e-5, False, False, 0.25, 0.05, weights=EXPRESSIONS),
    ),
)
"""What came of it is in the model card beside the checkpoint."""
