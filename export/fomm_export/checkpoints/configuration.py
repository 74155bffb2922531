"""The architecture of a model: published configurations and the project's own by name, or a published YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from fomm_rt.errors import CheckpointError

LIMITS = {
    "num_kp": 100,
    "num_blocks": 8,
    "num_down_blocks": 6,
    "num_bottleneck_blocks": 64,
    "block_expansion": 1024,
    "max_features": 8192,
    "frame_size": 4096,
    "pad": 16,
}
"""Far above every published model; a configuration beyond is a mistake that would exhaust the memory."""


@dataclass(frozen=True)
class Hourglass:
    """Widths of an encoder-decoder: block i has min(max_features, block_expansion * 2**i) channels."""

    block_expansion: int
    max_features: int
    num_blocks: int


@dataclass(frozen=True)
class Configuration:
    """What fixes every tensor shape of the three networks, in the published names.

    Attributes:
        num_kp: Keypoints, K.
        num_channels: Channels of a picture; 3.
        estimate_jacobian: Whether keypoints carry a 2×2 jacobian (first order) or only move (zeroth order).
        temperature: Of the softmax over keypoint logits.
        single_jacobian_map: One set of jacobian maps for all keypoints (mgif).
        pad: Padding of the detector's 7×7 head convolutions.
        detector, dense_motion: Their hourglasses.
        scale_factor: Of the detector's and the dense motion's working picture to the trained frame.
        block_expansion, max_features, num_down_blocks, num_bottleneck_blocks: Of the generator.
        estimate_occlusion_map: Whether the warped features are multiplied by an occlusion map.
        frame_size: Side in pixels of the frames the weights were trained on.
        resize_align_corners: Whether a deformation of other size than the features is resized corner to corner, so
            that no motion stays none. Published models match pixel borders instead, which magnifies by a pixel or so;
            at the size they were trained at nothing is resized.
    """

    num_kp: int
    num_channels: int
    estimate_jacobian: bool
    temperature: float
    single_jacobian_map: bool
    pad: int
    detector: Hourglass
    dense_motion: Hourglass
    scale_factor: float
    block_expansion: int
    max_features: int
    num_down_blocks: int
    num_bottleneck_blocks: int
    estimate_occlusion_map: bool
    frame_size: int
    resize_align_corners: bool = False

    @property
    def motion_size(self) -> int:
        """Side in pixels at which keypoints and dense motion are computed, whatever the frame size."""
        return round(self.frame_size * self.scale_factor)

    def check_fields(self) -> None:
        """Raises ValueError unless every number is one a network can be built with."""
        for name, value in self.as_json().items():
            parts = value.items() if isinstance(value, dict) else [(name, value)]
            for part, number in parts:
                if not isinstance(number, bool) and not 0 < number <= LIMITS.get(part, math.inf) and part != "pad":
                    expected = f"1 to {LIMITS[part]}" if part in LIMITS else "more than 0"
                    raise ValueError(f"{name}: {part} is {number}; expected {expected}")
        for name, part in (("detector", self.detector), ("dense_motion", self.dense_motion), ("generator", self)):
            # The first layer's width is not bounded, so the others may not be narrower.
            if part.max_features < part.block_expansion:
                raise ValueError(
                    f"{name}: max_features is {part.max_features}; "
                    f"expected at least block_expansion, {part.block_expansion}"
                )
        if not 0 <= self.pad <= LIMITS["pad"]:
            raise ValueError(f"pad is {self.pad}; expected 0 to {LIMITS['pad']}")
        if self.scale_factor > 1 or abs(1 / self.scale_factor - round(1 / self.scale_factor)) > 1e-6:
            raise ValueError(f"scale_factor is {self.scale_factor}; expected 1, 0.5, 0.25 or another 1/n")
        if self.num_channels != 3:
            raise ValueError(f"num_channels is {self.num_channels}; only RGB (3) is supported")

    def check_size(self, size: int) -> None:
        """Raises ValueError unless frames of (size, size) pixels fit the networks."""
        step = math.lcm(self.motion_size, 2**self.num_down_blocks)
        if size < step or size % step or size > LIMITS["frame_size"]:
            fitting = ", ".join(str(step * k) for k in (1, 2, 4, 6, 8))
            raise ValueError(
                f"size {size} does not fit this model; expected a multiple of {step}, at most "
                f"{LIMITS['frame_size']} (for example {fitting})"
            )

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_model_params(cls, model_params: Mapping[str, Any], frame_size: int = 256) -> Configuration:
        """Reads the published ``model_params`` mapping.

        Raises:
            KeyError, TypeError, ValueError: A field is missing or of the wrong type or the parts disagree.
        """
        common = model_params["common_params"]
        detector = model_params["kp_detector_params"]
        generator = model_params["generator_params"]
        motion = generator["dense_motion_params"]
        if float(detector["scale_factor"]) != float(motion["scale_factor"]):
            raise ValueError("kp_detector_params and dense_motion_params have different scale_factor")
        configuration = cls(
            num_kp=int(common["num_kp"]),
            num_channels=int(common["num_channels"]),
            estimate_jacobian=bool(common["estimate_jacobian"]),
            temperature=float(detector["temperature"]),
            single_jacobian_map=bool(detector.get("single_jacobian_map", False)),
            pad=int(detector.get("pad", 0)),
            detector=_hourglass(detector),
            dense_motion=_hourglass(motion),
            scale_factor=float(detector["scale_factor"]),
            block_expansion=int(generator["block_expansion"]),
            max_features=int(generator["max_features"]),
            num_down_blocks=int(generator["num_down_blocks"]),
            num_bottleneck_blocks=int(generator["num_bottleneck_blocks"]),
            estimate_occlusion_map=bool(generator.get("estimate_occlusion_map", False)),
            frame_size=frame_size,
            resize_align_corners=bool(generator.get("resize_align_corners", False)),
        )
        configuration.check_fields()
        deepest = 2 ** max(configuration.detector.num_blocks, configuration.dense_motion.num_blocks)
        if configuration.motion_size < deepest or configuration.motion_size % deepest:
            raise ValueError(
                f"frames of {frame_size} pixels at scale_factor {configuration.scale_factor} "
                f"do not divide by {deepest}, the depth of the hourglasses"
            )
        return configuration


def _hourglass(params: Mapping[str, Any]) -> Hourglass:
    return Hourglass(int(params["block_expansion"]), int(params["max_features"]), int(params["num_blocks"]))


def _published(**detector: Any) -> dict[str, Any]:
    return {
        "common_params": {"num_kp": 10, "num_channels": 3, "estimate_jacobian": True},
        "kp_detector_params": {
            "temperature": 0.1,
            "block_expansion": 32,
            "max_features": 1024,
            "scale_factor": 0.25,
            "num_blocks": 5,
            **detector,
        },
        "generator_params": {
            "block_expansion": 64,
            "max_features": 512,
            "num_down_blocks": 2,
            "num_bottleneck_blocks": 6,
            "estimate_occlusion_map": True,
            "dense_motion_params": {
                "block_expansion": 64,
                "max_features": 1024,
                "num_blocks": 5,
                "scale_factor": 0.25,
            },
        },
    }


CONFIGURATIONS: dict[str, Configuration] = {
    **{
        name: Configuration.from_model_params(_published())
        for name in (
            "vox-256",
            "vox-adv-256",
            "taichi-256",
            "taichi-adv-256",
            "bair-256",
            "fashion-256",
            "nemo-256",
        )
    },
    "mgif-256": Configuration.from_model_params(_published(single_jacobian_map=True)),
}
"""The published configurations. Seven share one architecture; mgif has a single set of jacobian maps."""

OWN_NAMES = ("drawn-faces-256",)
"""The project's own checkpoints, each with its YAML and its weights in OWN_CHECKPOINTS."""

OWN_CHECKPOINTS = Path(__file__).parent


def load_configuration(name_or_path: str) -> Configuration:
    """Finds a published configuration or one of the project's own by name, or reads a published YAML file.

    Raises:
        CheckpointError: Neither a known name nor a readable configuration file.
    """
    if name_or_path in CONFIGURATIONS:
        return CONFIGURATIONS[name_or_path]
    path = OWN_CHECKPOINTS / f"{name_or_path}.yaml" if name_or_path in OWN_NAMES else Path(name_or_path)
    known = ", ".join([*CONFIGURATIONS, *OWN_NAMES])
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False
    if not is_file:
        raise CheckpointError(
            f"{name_or_path}: expected one of {known}, or the path of a published YAML configuration; found neither"
        )
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: expected a YAML configuration; it cannot be read ({reason})") from error
    try:
        shape = document.get("dataset_params", {}).get("frame_shape", [256, 256, 3])
        if not isinstance(shape, list) or [type(n) for n in shape[:2]] != [int, int] or shape[0] != shape[1]:
            raise ValueError(f"frame_shape is {shape}; expected a square such as [256, 256, 3]")
        return Configuration.from_model_params(document["model_params"], shape[0])
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: expected a published configuration with model_params "
            f"(common_params, kp_detector_params, generator_params); {type(error).__name__}: {error}"
        ) from error
