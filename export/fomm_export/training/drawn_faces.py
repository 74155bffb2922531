"""The recipe of the project's own checkpoint, drawn-faces-256."""

from __future__ import annotations

from fomm_export.configuration import OWN_NAMES
from fomm_export.training.recipe import LossWeights, Recipe, Stage

DRAWN_FACES = Recipe(
    name=OWN_NAMES[0],
    seed=1,
    groups=600,
    first_group_seed=10_000_000,
    frame_size=256,
    ema_decay=0.995,
    stages=(
        Stage("motion, and pictures of 128×128", 900, 128, 4, 4, 6e-4, 4e-4, true_keypoints=True),
        Stage(
            "pictures of 256×256",
            1500,
            256,
            2,
            4,
            4e-4,
            1e-5,
            batch_statistics=False,
            other_identity=0.25,
            weights=LossWeights(warp=2.0, flow=20.0),
        ),
    ),
)
"""What came of it is in the model card beside the checkpoint."""
