"""The recipe of faces-256, the checkpoint for drawn faces and people.

It starts from the weights for drawn faces and trains in the order in which errors pass on: detector, dense motion,
pictures, everything.
"""

from dataclasses import replace

from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_train.recipe import Looks, LossWeights, Recipe, Stage

LOOKS = Looks()
DETECTOR = LossWeights(landmark=30.0, jacobian=15.0)
MOTION = replace(DETECTOR, warp=2.0, flow=50.0, occlusion=1.0)
EVERYTHING = replace(MOTION, warp=5.0, value=30.0, gradient=10.0, texture=20.0, blend_prior=0.1, region=10.0, mouth=3.0)

FIRST = Stage(
    *("detector", 1100, 64, 8, 1, 1e-3, 5e-4),
    trains="detector",
    looks=LOOKS,
    weights=DETECTOR,
)
SETTLED = replace(
    FIRST,
    name="detector, decaying rate",
    steps=400,
    learning_rate=5e-4,
    last_learning_rate=2e-5,
    batch_statistics=False,
)
TRUE_MOTION = Stage(
    *("motion from true keypoints", 700, 64, 4, 6, 1e-3, 5e-4),
    true_keypoints=True,
    other_identity=0.25,
    still=0.05,
    trains="motion",
    looks=LOOKS,
    weights=MOTION,
)
FOUND_MOTION = replace(
    TRUE_MOTION,
    name="motion from detected keypoints",
    steps=1000,
    learning_rate=8e-4,
    last_learning_rate=1e-4,
    true_keypoints=False,
    batch_statistics=False,
)
PICTURES = Stage(
    *("pictures with frozen motion", 800, 256, 2, 4, 8e-4, 8e-4),
    batch_statistics=False,
    other_identity=0.25,
    still=0.1,
    trains="pictures",
    looks=LOOKS,
    weights=EVERYTHING,
)
ALL = replace(PICTURES, name="everything", steps=2500, trains="everything", learning_rate=6e-4, last_learning_rate=1e-5)

PEOPLE = Recipe(
    name=OWN_NAMES[1],
    seed=2,
    groups=240,
    first_group_seed=10_000_000,
    frame_size=256,
    ema_decay=0.995,
    stages=(FIRST, SETTLED, TRUE_MOTION, FOUND_MOTION, PICTURES, ALL),
    people=600,
    first_people_seed=20_000_000,
    enough_groups=24,
    start=OWN_NAMES[0],
)
