"""The sizes of a frame's tensors in one model, and the inputs and outputs of its convolution trunks."""

from __future__ import annotations

from dataclasses import dataclass

from fomm_rt.errors import ModelError
from fomm_rt.model.blur import Blur, published_blur
from fomm_rt.model.manifest import BLURRED, Manifest

PUBLISHED_KP_VARIANCE = 0.01
"""Grid units squared; of models exported before their manifest said it."""

TRUNKS = ("source_encoder", "keypoint_detector", "dense_motion", "generator")
"""The convolution trunks; each is cut out of the graph of the same name."""


@dataclass(frozen=True)
class FrameShape:
    """The sizes of a frame's tensors in one model.

    Attributes:
        size: Side of the frame in pixels.
        motion_size: Side of the motion networks' inputs and outputs.
        head_size: Side of the detector's maps.
        num_kp: Number of keypoints, K.
        jacobian_maps: Channels of the detector's jacobian maps: 4K or 4; 0 in a model without jacobians.
        occludes: True if the model has an occlusion map.
        blends: True if the model has a blend mask.
        feature_channels, feature_size: Channels and side of the source's features.
        detector_blur, source_blur: Blurs of the frame and of the source before they are reduced to `motion_size`.
        kp_variance: Variance of the Gaussian around each keypoint, in grid units.
        temperature: Temperature of the detector's softmax.
        align_corners: Convention of the warps.
        resize_align_corners: Convention for resizing motion to the features, if their sizes differ.
    """

    size: int
    motion_size: int
    head_size: int
    num_kp: int
    jacobian_maps: int
    occludes: bool
    blends: bool
    feature_channels: int
    feature_size: int
    detector_blur: Blur
    source_blur: Blur
    kp_variance: float
    temperature: float
    align_corners: bool
    resize_align_corners: bool

    @classmethod
    def of(cls, manifest: Manifest) -> FrameShape:
        """Returns the sizes of a model.

        Raises:
            ModelError: The model blurs frames in a way that the kernels do not compute.
        """
        configuration = manifest.configuration
        outputs = {spec.name: spec.shape for entry in manifest.networks.values() for spec in entry.outputs}
        motion_size = int(outputs["deformation"][1])
        maps = 0 if not manifest.has_jacobians else 4 if configuration["single_jacobian_map"] else 4 * manifest.num_kp
        blur = published_blur(manifest.size // motion_size)
        detector_blur, source_blur = (manifest.blurs.get(name, blur) for name in BLURRED)
        if detector_blur is None or source_blur is None:
            raise ModelError(
                f"{manifest.name}: was trained with a blur that is not a Gaussian, which the kernels do not compute. "
                "Run it on ONNX Runtime, or build whole engines (fomm-rt build --layout whole)"
            )
        return cls(
            size=manifest.size,
            motion_size=motion_size,
            head_size=motion_size + 2 * int(configuration["pad"]) - 6,  # a convolution 7×7
            num_kp=manifest.num_kp,
            jacobian_maps=maps,
            occludes="occlusion_map" in outputs,
            blends=manifest.has_blend_mask,
            feature_channels=int(outputs["source_features"][1]),
            feature_size=int(outputs["source_features"][2]),
            detector_blur=detector_blur,
            source_blur=source_blur,
            kp_variance=float(configuration.get("kp_variance", PUBLISHED_KP_VARIANCE)),
            temperature=float(configuration["temperature"]),
            align_corners=manifest.align_corners,
            resize_align_corners=bool(configuration.get("resize_align_corners", False)),
        )

    def trunk_tensors(self, trunk: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Returns the names of a trunk's inputs and outputs."""
        return {
            "source_encoder": (("source_image",), ("source_features",)),
            "keypoint_detector": (
                ("kp_hourglass_input",),
                ("kp_logits", *(["jacobian_maps"] if self.jacobian_maps else [])),
            ),
            "dense_motion": (
                ("motion_hourglass_input",),
                ("mask_logits", *(["occlusion_logits"] if self.occludes else [])),
            ),
            "generator": (
                ("masked_features" if self.occludes else "warped_features",),
                ("decoded" if self.blends else "prediction",),
            ),
        }[trunk]

    def tensor_shapes(self, batch: int) -> dict[str, tuple[int, int, int, int]]:
        """Returns (N, C, H, W) of every input and output of a trunk."""
        head, motion, k = self.head_size, self.motion_size, self.num_kp
        features = (batch, self.feature_channels, self.feature_size, self.feature_size)
        return {
            "source_image": (batch, 3, self.size, self.size),
            "source_features": features,
            "kp_hourglass_input": (batch, 3, motion, motion),
            "kp_logits": (batch, k, head, head),
            "jacobian_maps": (batch, self.jacobian_maps, head, head),
            "motion_hourglass_input": (batch, 4 * (k + 1), motion, motion),
            "mask_logits": (batch, k + 1, motion, motion),
            "occlusion_logits": (batch, 1, motion, motion),
            "warped_features": features,
            "masked_features": features,
            "prediction": (batch, 3, self.size, self.size),
            "decoded": (batch, 4, self.size, self.size),
        }
