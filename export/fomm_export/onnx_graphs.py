"""The four graphs of a model folder: what each takes, gives and names inside.

Inner tensors named in `cuts` are where geometry and convolutions meet. They keep these names in the ONNX
files, so that engines of convolutions alone can be cut out between them. The decoder's trunk begins at
`masked_features`, or at `warped_features` in a model without occlusion map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fomm_export.keypoint_detector import Keypoints
from fomm_export.networks import Networks


@dataclass(frozen=True)
class Graph:
    """A module to trace with example inputs (batch 2) and the names of its tensors.

    The module returns a tuple: first the outputs, then the cuts, in the order of their names.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    cuts: tuple[str, ...]


def model_graphs(networks: Networks) -> list[Graph]:
    """The graphs of a model, in the order of `fomm_rt.model_folder.NETWORKS`."""
    n = 2  # a batch of 1 would be traced as a constant
    c = networks.configuration
    h = w = c.motion_size
    frame = torch.rand(n, c.num_channels, networks.size, networks.size)
    quarter = torch.rand(n, c.num_channels, h, w)
    # One tensor given for two inputs would be traced as one input.
    kp_source, kp_driving = torch.rand(2, n, c.num_kp, 2).unbind()
    kp_source_jacobian, kp_driving_jacobian = torch.rand(2, n, c.num_kp, 2, 2).unbind()
    features = networks.generator.encode(frame)
    deformation = torch.rand(n, h, w, 2)
    occlusion_map = torch.rand(n, 1, h, w)

    with_jacobians = c.estimate_jacobian
    with_occlusion = c.estimate_occlusion_map
    return [
        Graph(
            "keypoint_detector",
            _KeypointDetectorGraph(networks),
            {"frame": frame},
            ("keypoints", *(["jacobians"] if with_jacobians else [])),
            (
                "kp_hourglass_input",
                "kp_hourglass_output",
                "kp_logits",
                *(["jacobian_maps"] if with_jacobians else []),
            ),
        ),
        Graph(
            "source_encoder",
            _SourceEncoderGraph(networks),
            {"source_image": frame},
            ("source_features", "source_quarter"),
            (),
        ),
        Graph(
            "dense_motion",
            _DenseMotionGraph(networks),
            {
                "source_quarter": quarter,
                "kp_source": kp_source,
                **({"kp_source_jacobian": kp_source_jacobian} if with_jacobians else {}),
                "kp_driving": kp_driving,
                **({"kp_driving_jacobian": kp_driving_jacobian} if with_jacobians else {}),
            },
            ("deformation", "mask", *(["occlusion_map"] if with_occlusion else [])),
            (
                "motion_hourglass_input",
                "motion_hourglass_output",
                "mask_logits",
                *(["occlusion_logits"] if with_occlusion else []),
            ),
        ),
        Graph(
            "generator",
            _GeneratorGraph(networks),
            {
                "source_features": features,
                "deformation": deformation,
                **({"occlusion_map": occlusion_map} if with_occlusion else {}),
            },
            ("prediction",),
            ("warped_features", *(["masked_features"] if with_occlusion else [])),
        ),
    ]


def _present(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)


class _KeypointDetectorGraph(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.detector = networks.kp_detector

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        detector = self.detector
        hourglass_input = detector.down(frame)
        hourglass_output = detector.predictor(hourglass_input)
        logits = detector.kp(hourglass_output)
        maps = None if detector.jacobian is None else detector.jacobian(hourglass_output)
        keypoints = detector.expectation(logits, maps)
        return _present(keypoints.value, keypoints.jacobian, hourglass_input, hourglass_output, logits, maps)


class _SourceEncoderGraph(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.generator = networks.generator

    def forward(self, source_image: Tensor) -> tuple[Tensor, ...]:
        quarter = self.generator.dense_motion_network.down(source_image)
        return self.generator.encode(source_image), quarter


class _DenseMotionGraph(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.network = networks.generator.dense_motion_network

    def forward(
        self,
        source_quarter: Tensor,
        kp_source: Tensor,
        kp_source_jacobian: Tensor | None = None,
        kp_driving: Tensor | None = None,
        kp_driving_jacobian: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        assert kp_driving is not None
        network = self.network
        source = Keypoints(kp_source, kp_source_jacobian)
        driving = Keypoints(kp_driving, kp_driving_jacobian)
        sparse_motion = network.sparse_motion(source, driving)
        hourglass_input = network.hourglass_input(source_quarter, source, driving, sparse_motion)
        hourglass_output = network.hourglass(hourglass_input)
        mask_logits = network.mask(hourglass_output)
        occlusion_logits = None if network.occlusion is None else network.occlusion(hourglass_output)
        motion = network.blend(sparse_motion, mask_logits, occlusion_logits)
        return _present(
            motion.deformation,
            motion.mask,
            motion.occlusion_map,
            hourglass_input,
            hourglass_output,
            mask_logits,
            occlusion_logits,
        )


class _GeneratorGraph(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.generator = networks.generator

    def forward(
        self, source_features: Tensor, deformation: Tensor, occlusion_map: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        warped = self.generator.warp_features(source_features, deformation)
        if occlusion_map is None:
            return self.generator.decode(warped), warped
        masked = self.generator.mask_features(warped, occlusion_map)
        return self.generator.decode(masked), warped, masked
