"""Recipes: what a training run does, in numbers."""

from dataclasses import KW_ONLY, asdict, dataclass, field
from typing import Literal, get_args

Trains = Literal["everything", "detector", "motion", "pictures"]
PICTURE_WEIGHTS = (
    *("value", "gradient", "ssim", "texture", "blend_prior", "decoded"),
    *("adversarial", "feature_matching", "region", "mouth"),
)
MOTION_WEIGHTS = ("warp", "flow", "occlusion")
"""Fields of `LossWeights` that count where pictures or dense motion are trained; the others are the detector's."""


@dataclass(frozen=True)
class LossWeights:
    """Factors of the losses; `fomm_train.losses` defines them."""

    value: float = 20.0  # absolute difference between prediction and truth
    gradient: float = 10.0  # absolute difference of their gradients
    ssim: float = 1.0  # 1 - their structural similarity
    texture: float = 0.0  # absolute difference of the mean size of their gradients in small windows
    blend_prior: float = 0.0  # 1 - the mean blend mask: rather take the source than paint
    decoded: float = 0.0  # weighted sum of value, gradient and ssim of what is painted, before it is blended
    warp: float = 5.0  # absolute difference between the warped source and the truth, both at the motion size
    flow: float = 0.0  # difference from the true deformation, where the source shows the surface
    occlusion: float = 0.0  # cross-entropy of the occlusion map, which is 1 where the source shows the surface
    landmark: float = 20.0  # difference of detected keypoints from the renderer's
    jacobian: float = 1.0  # difference of their jacobians
    equivariance_value: float = 5.0  # of keypoints under random transforms
    equivariance_jacobian: float = 0.5  # of their jacobians
    adversarial: float = 0.0  # from the discriminator
    feature_matching: float = 0.0  # difference of the discriminator's features
    region: float = 3.0  # weight of a pixel of eyes and mouth relative to any other
    mouth: float = 1.0  # weight of a pixel of the mouth relative to one of the eyes

    @property
    def use_discriminator(self) -> bool:
        """True if a discriminator is trained."""
        return bool(self.adversarial or self.feature_matching)


@dataclass(frozen=True)
class Looks:
    """How often and how strongly `fomm_train.looks` changes frames.

    Attributes:
        plain: Share of looks that leave frames as they are.
        background: Share of looks with another background.
        clothes: The same, with other clothes.
        occluder: Share of looks with something before the person.
        geometry: Strength of framing and bends.
        colours: Strength of changes of colour and texture.
        camera: Strength of exposure, blur, noise and compression.
    """

    plain: float = 0.2
    background: float = 0.7
    clothes: float = 0.6
    occluder: float = 0.12
    geometry: float = 1.0
    colours: float = 1.0
    camera: float = 1.0


@dataclass(frozen=True)
class Stage:
    """A stretch of steps at one frame size.

    With `true_keypoints`, motion is computed from the renderer's keypoints instead of detected ones; both motion
    networks learn at once instead of one after the other. `batch_statistics` normalises detector and dense motion by
    each batch's statistics, which speeds up early learning, instead of the running ones used at inference. Stages that
    train no pictures may have the motion size, which makes their steps cheaper.
    """

    name: str = field(compare=False)  # a label; renaming a stage does not make another recipe
    steps: int
    size: int  # side of the generator's frames in pixels; motion is always estimated at the motion size
    groups_per_batch: int  # each gives 4 frames
    pairs_per_group: int  # at most 8
    learning_rate: float  # at the first step; it falls along a cosine to `last_learning_rate`
    last_learning_rate: float
    _: KW_ONLY
    true_keypoints: bool = False
    batch_statistics: bool = True
    other_identity: float = 0.5  # share of pairs whose driving frame shows another identity than the source
    still: float = 0.0  # share of pairs in which nothing moves, which teach the generator to copy
    # "detector" alone, "motion": detector and dense motion, "pictures": encoder and decoder, motion networks frozen
    trains: Trains = "everything"
    looks: Looks | None = None  # changes of the frames; None leaves them as they are
    weights: LossWeights = field(default_factory=LossWeights)  # a network that is not trained has no losses

    def __post_init__(self) -> None:
        if self.trains not in get_args(Trains):
            raise ValueError(f"stage {self.name}: trains is {self.trains!r}; expected one of {get_args(Trains)}")

    @property
    def trains_detector(self) -> bool:
        """True if the detector is trained."""
        return self.trains != "pictures"

    @property
    def trains_motion(self) -> bool:
        """True if dense motion is trained."""
        return self.trains in {"everything", "motion"}

    @property
    def trains_pictures(self) -> bool:
        """True if encoder and decoder are trained."""
        return self.trains in {"everything", "pictures"}

    def loss_weights(self) -> dict[str, float]:
        """Weights other than 0 that count in this stage, by name."""
        return {name: value for name, value in asdict(self.weights).items() if value and self._counts(name)}

    def _counts(self, weight: str) -> bool:
        if weight in PICTURE_WEIGHTS:
            return self.trains_pictures
        return self.trains_motion if weight in MOTION_WEIGHTS else self.trains_detector


@dataclass(frozen=True)
class Recipe:
    """A whole run."""

    name: str  # of the checkpoint
    seed: int  # of initial weights, batches and random transforms
    groups: int  # of drawn faces
    first_group_seed: int
    frame_size: int  # side of the frames in pixels
    ema_decay: float  # of the running mean of the weights, which the checkpoint holds
    stages: tuple[Stage, ...]
    _: KW_ONLY
    people: int = 0  # groups of rendered people
    first_people_seed: int = 0
    enough_groups: int | None = None  # of each kind: training starts with this many and adds others as they are drawn
    start: str = ""  # the project's checkpoint whose weights the run starts from; empty for random ones

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[Stage, int]:
        """The stage of a step and the step's number within it; from `steps` on, the end of the last stage."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        return self.stages[-1], self.stages[-1].steps
