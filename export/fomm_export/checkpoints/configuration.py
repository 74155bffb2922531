"""The architecture of a model: everything that fixes the tensor shapes of its three networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fomm_export.checkpoints.model_params import check_keys, section
from fomm_rt.files.typed_json import typed
from fomm_rt.model.manifest import LARGEST_SIDE, MOST_KEYPOINTS

# These limits exceed every published model; larger values are mistakes that exhaust memory.
BlockExpansion = Annotated[int, Meta(ge=1, le=1024)]
MaxFeatures = Annotated[int, Meta(ge=1, le=8192)]


@dataclass(frozen=True)
class Hourglass:
    """Widths of an encoder-decoder: block i has min(max_features, block_expansion * 2**i) channels."""

    block_expansion: BlockExpansion
    max_features: MaxFeatures
    num_blocks: Annotated[int, Meta(ge=1, le=8)]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The published configuration values that shape the networks, under their published names.

    Attributes:
        num_kp: Keypoints per frame, K.
        num_channels: Channels of a frame; 3.
        estimate_jacobian: True if keypoints carry a 2×2 jacobian (first order), False if they only move (zeroth order).
        temperature: Of the softmax over keypoint logits.
        single_jacobian_map: True if all keypoints share one set of jacobian maps (mgif).
        pad: Padding of the detector's 7×7 head convolutions.
        detector, dense_motion: Their hourglasses.
        kp_variance: Variance of the Gaussian that dense motion draws around each keypoint, in grid units.
        scale_factor: Working size of detector and dense motion divided by `frame_size`.
        block_expansion, max_features, num_down_blocks, num_bottleneck_blocks: Of the generator.
        estimate_occlusion_map: True if an occlusion map multiplies the warped features.
        estimate_blend_mask: True if a learned mask blends the source, warped at full size, with the decoded picture.
            Published models have no such mask.
        frame_size: Side in pixels of the training frames.
        face_margin: Side of the training frames in heights of the face that they show, forehead to chin; None if they
            show no faces, or it is not known. It changes no tensor, so configurations are equal without it.
        resize_align_corners: True if the deformation is resized corner to corner to the size of the features, which
            keeps the identity an identity. Published models align pixel borders instead, which magnifies by about one
            pixel. At the training size nothing is resized.
    """

    num_kp: Annotated[int, Meta(ge=1, le=MOST_KEYPOINTS)]
    num_channels: int
    estimate_jacobian: bool
    temperature: Annotated[float, Meta(gt=0, le=1000)]
    single_jacobian_map: bool = False
    pad: Annotated[int, Meta(ge=0, le=16)] = 0
    detector: Hourglass
    dense_motion: Hourglass
    kp_variance: Annotated[float, Meta(ge=1e-6, le=100)] = 0.01
    scale_factor: Annotated[float, Meta(ge=1 / LARGEST_SIDE, le=1)]
    block_expansion: BlockExpansion
    max_features: MaxFeatures
    num_down_blocks: Annotated[int, Meta(ge=1, le=6)]
    num_bottleneck_blocks: Annotated[int, Meta(ge=1, le=64)]
    estimate_occlusion_map: bool = False
    estimate_blend_mask: bool = False
    frame_size: int
    face_margin: Annotated[float, Meta(gt=0, le=20)] | None = field(default=None, compare=False)
    resize_align_corners: bool = False

    @property
    def motion_size(self) -> int:
        """Side in pixels at which keypoints and dense motion are computed, at every frame size."""
        return round(self.frame_size * self.scale_factor)

    def check_size(self, size: int) -> None:
        """Raises ValueError unless frames of (size, size) pixels fit the networks."""
        step = math.lcm(self.motion_size, 2**self.num_down_blocks)
        if size < step or size % step or size > LARGEST_SIDE:
            fitting = ", ".join(str(step * k) for k in (1, 2, 4, 6, 8))
            raise ValueError(
                f"size {size} does not fit this model; expected a multiple of {step}, at most {LARGEST_SIDE} "
                f"(for example {fitting})"
            )

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)  # msgspec.to_builtins leaves out defaults that reading did not set

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Configuration:
        """The inverse of `as_json`.

        Raises:
            ValueError: A field is missing or has the wrong type.
        """
        return typed(fields, cls)

    @classmethod
    def from_model_params(
        cls, model_params: Mapping[str, Any], frame_size: int = 256, face_margin: float | None = None
    ) -> Configuration:
        """Reads the mapping `model_params` of a published configuration; the rest belongs to `dataset_params`.

        Raises:
            ValueError: A key is unknown or missing, has the wrong type or is out of range, or two keys contradict each
                other.
        """
        check_keys(model_params, "model_params")
        common, detector = section(model_params, "common_params"), section(model_params, "kp_detector_params")
        generator = section(model_params, "generator_params")
        motion = section(generator, "dense_motion_params")
        scale_factor, other = (params.get("scale_factor", 1) for params in (detector, motion))
        if scale_factor != other:
            raise ValueError("kp_detector_params and dense_motion_params have different scale_factor")
        try:
            fields = {
                "estimate_jacobian": False,  # as in the published code, unless the next line has it
                **_chosen(common, "num_kp", "num_channels", "estimate_jacobian"),
                "scale_factor": scale_factor,
                **_chosen(detector, "temperature", "single_jacobian_map", "pad"),
                **_chosen(generator, "block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks"),
                **_chosen(generator, "estimate_occlusion_map", "estimate_blend_mask", "resize_align_corners"),
                **_chosen(motion, "kp_variance"),
                "detector": detector,
                "dense_motion": motion,
                "frame_size": frame_size,
                "face_margin": face_margin,
            }
            configuration = msgspec.convert(fields, cls, strict=False)  # not strict: YAML 1.1 reads 1e-4 as a string
        except (msgspec.ValidationError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error
        configuration._check_consistency()
        return configuration

    def _check_consistency(self) -> None:
        if self.num_channels != 3:
            raise ValueError(f"num_channels is {self.num_channels}; only RGB (3) is supported")
        for name, part in (("detector", self.detector), ("dense_motion", self.dense_motion), ("generator", self)):
            # Only later layers are capped by max_features, so a smaller cap contradicts the first layer.
            if part.max_features < part.block_expansion:
                raise ValueError(
                    f"{name}: max_features is {part.max_features}; "
                    f"expected at least block_expansion, {part.block_expansion}"
                )
        if abs(1 / self.scale_factor - round(1 / self.scale_factor)) > 1e-6:
            raise ValueError(f"scale_factor is {self.scale_factor}; expected 1, 0.5, 0.25 or another 1/n")
        deepest = 2 ** max(self.detector.num_blocks, self.dense_motion.num_blocks)
        if self.motion_size < deepest or self.motion_size % deepest:
            raise ValueError(
                f"frames of {self.frame_size} pixels at scale_factor {self.scale_factor} "
                f"do not divide by {deepest}, the depth of the hourglasses"
            )


def _chosen(section: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: section[name] for name in names if name in section}
