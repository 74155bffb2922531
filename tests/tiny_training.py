"""A training run small enough for a test: tiny architecture, small frames, few steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_export.checkpoints.configuration import Configuration
from fomm_train import capacity
from fomm_train.loop import run as training_run
from fomm_train.loop.run import TrainingRun
from fomm_train.recipe import LossWeights, Recipe, Stage

FRAME_SIZE = 32

CONFIGURATION = Configuration.from_model_params(
    {
        "common_params": {"num_kp": 10, "num_channels": 3, "estimate_jacobian": True},
        "kp_detector_params": {
            "temperature": 0.1,
            "block_expansion": 4,
            "max_features": 16,
            "scale_factor": 0.5,
            "num_blocks": 3,
        },
        "generator_params": {
            "block_expansion": 4,
            "max_features": 8,
            "num_down_blocks": 2,
            "num_bottleneck_blocks": 1,
            "estimate_occlusion_map": True,
            "dense_motion_params": {"block_expansion": 4, "max_features": 16, "scale_factor": 0.5, "num_blocks": 3},
        },
    },
    FRAME_SIZE,
)


def tiny_recipe(steps: int = 4) -> Recipe:
    """Trains everything at half size, then takes one step each of motion, pictures, and a discriminator."""
    supervised = LossWeights(flow=1.0, occlusion=1.0)
    adversarial = LossWeights(adversarial=0.1, feature_matching=1.0)
    return Recipe(
        name="tiny",
        seed=1,
        groups=2,
        first_group_seed=77,
        frame_size=FRAME_SIZE,
        ema_decay=0.9,
        stages=(
            Stage("small", max(1, steps - 3), FRAME_SIZE // 2, 2, 2, 1e-3, 1e-3, true_keypoints=True),
            Stage("motion", 1, FRAME_SIZE, 1, 4, 1e-3, 1e-3, trains="motion", weights=supervised),
            Stage("pictures", 1, FRAME_SIZE, 1, 4, 1e-3, 1e-3, trains="pictures"),
            Stage("large", 1, FRAME_SIZE, 1, 4, 1e-3, 1e-4, weights=adversarial),
        ),
    )


class FakeReporter:
    """Records what a run says; interrupts it at a step, like Ctrl-C."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.said: list[str] = []

    def follow(self, run: TrainingRun) -> Path:
        return run.run(self.progress, self.said.append)

    def progress(self, stage: str, done: int, _total: int) -> None:
        if stage.startswith("training") and done == self.stop_at:
            raise KeyboardInterrupt


def lower_requirements(patch: pytest.MonkeyPatch) -> None:
    """Lowers the required memory and disk to what a tiny run needs."""
    patch.setattr(training_run, "MEMORY_BYTES", 1)
    patch.setattr(training_run, "STATE_BYTES", 0)
    patch.setattr(capacity, "SPARE_BYTES", 0)
