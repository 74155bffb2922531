"""What a training run does, in numbers: data, stages, weights of the losses."""

from __future__ import annotations

from dataclasses import KW_ONLY, asdict, dataclass, field
from typing import Any, Literal, get_args

Trains = Literal["everything", "motion", "pictures"]
PICTURE_WEIGHTS = ("value", "gradient", "ssim", "adversarial", "feature_matching", "region", "mouth")
"""Fields of `LossWeights` that count where pictures are predicted; the others count where motion is trained."""


@dataclass(frozen=True)
class LossWeights:
    """Factors of the losses; see `fomm_train.losses.prediction` and `equivariance`.

    Attributes:
        value, gradient, ssim: Between prediction and truth.
        warp: Between the source warped at the motion size and the truth at that size.
        flow: Between the deformation and the true one, where the source shows what is there.
        occlusion: Between the occlusion map and what the source shows of the truth.
        landmark, jacobian: Between found keypoints and those of the renderer.
        equivariance_value, equivariance_jacobian: Of keypoints under random deformations.
        adversarial, feature_matching: From the discriminator; 0 trains none.
        region: How much a pixel of eyes or mouth counts against another.
        mouth: How much a pixel of the mouth counts against one of the eyes.
    """

    value: float = 20.0
    gradient: float = 10.0
    ssim: float = 1.0
    warp: float = 5.0
    flow: float = 0.0
    occlusion: float = 0.0
    landmark: float = 20.0
    jacobian: float = 1.0
    equivariance_value: float = 5.0
    equivariance_jacobian: float = 0.5
    adversarial: float = 0.0
    feature_matching: float = 0.0
    region: float = 3.0
    mouth: float = 1.0

    @property
    def use_discriminator(self) -> bool:
        """Whether a discriminator is trained."""
        return bool(self.adversarial or self.feature_matching)


@dataclass(frozen=True)
class Stage:
    """A stretch of steps at one frame size.

    Attributes:
        name: For people.
        steps: Optimiser steps.
        size: Side of the generator's frames in pixels; motion is always estimated at the motion size.
        groups_per_batch: Drawn groups in a batch; each gives 4 frames.
        pairs_per_group: Source-driving pairs from each.
        learning_rate: At the first step; falls along a cosine to `last_learning_rate`.
        last_learning_rate: Where the cosine ends.
        true_keypoints: Whether motion is computed from the renderer's keypoints instead of the detector's, so that
            both networks learn at once instead of one after the other.
        batch_statistics: Whether detector and dense motion are normalised by each batch's own statistics, which lets
            them learn fast at first, or by the running ones, as at inference.
        other_identity: Share of pairs whose driving frame shows another identity than the source.
        still: Share of pairs in which nothing moves, so that the generator learns to copy what it is given.
        trains: "everything"; "motion": detector and dense motion, without predicting pictures; or "pictures": encoder
            and decoder, by motion networks that stay as they are.
        weights: Of the losses; those of what the stage does not train are not computed.
    """

    name: str
    steps: int
    size: int
    groups_per_batch: int
    pairs_per_group: int
    learning_rate: float
    last_learning_rate: float
    _: KW_ONLY
    true_keypoints: bool = False
    batch_statistics: bool = True
    other_identity: float = 0.5
    still: float = 0.0
    trains: Trains = "everything"
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        if self.trains not in get_args(Trains):
            raise ValueError(f"stage {self.name}: trains is {self.trains!r}; expected one of {get_args(Trains)}")

    @property
    def trains_motion(self) -> bool:
        """Whether detector and dense motion are trained."""
        return self.trains != "pictures"

    @property
    def trains_pictures(self) -> bool:
        """Whether encoder and decoder are trained, so that pictures are predicted."""
        return self.trains != "motion"

    def loss_weights(self) -> dict[str, float]:
        """The weights that count in this stage by the names of losses, those of 0 left out; and `region`."""
        return {
            name: value
            for name, value in asdict(self.weights).items()
            if value and (self.trains_pictures if name in PICTURE_WEIGHTS else self.trains_motion)
        }


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Attributes:
        name: Of the checkpoint.
        seed: Of initial weights, batches and deformations.
        groups: Drawn groups to train on, of 4 identities in 4 poses.
        first_group_seed: Seed of the first group.
        frame_size: Side of the drawn frames in pixels.
        ema_decay: Of the running mean of the weights, which is what is kept.
        stages: In order.
    """

    name: str
    seed: int
    groups: int
    first_group_seed: int
    frame_size: int
    ema_decay: float
    stages: tuple[Stage, ...]

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[Stage, int]:
        """The stage of a step and the step's number within it; the last stage for `steps` itself."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        return self.stages[-1], self.stages[-1].steps

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)
