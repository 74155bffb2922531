"""The four graphs of a model folder: inputs, outputs, and inner tensors with stable names.

`cuts` names the inner tensors between geometry and convolutions. They keep these names in the ONNX files, so engines of
the convolutions alone can be cut out between them. The decoder's trunk begins at `masked_features`, or at
`warped_features` in a model without occlusion map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.model import Networks
from fomm_export.rewrites import affine_motion
from fomm_export.rewrites.cpu_generator import CpuGenerator
from fomm_export.rewrites.heads import MergedHeads, SplitHeads


@dataclass(frozen=True)
class Graph:
    """A module to trace.

    Attributes:
        name: Of the graph.
        module: Returns the outputs, then the cuts, in the order of their names: a tuple, or a tensor if it is one.
        inputs: Example inputs by name, batch 2.
        outputs, cuts: Names.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    cuts: tuple[str, ...] = ()


def model_graphs(networks: Networks) -> list[Graph]:
    """The graphs of a model, in the order of `fomm_rt.model.manifest.NETWORKS`."""
    frame, c = _example_frames(networks), networks.configuration
    n, side = len(frame), c.motion_size
    jacobians, occlusion = c.estimate_jacobian, c.estimate_occlusion_map
    # Separate tensors: the tracer would merge inputs that share one.
    kp_source, kp_driving = torch.rand(2, n, c.num_kp, 2).unbind()
    kp_source_jacobian, kp_driving_jacobian = torch.rand(2, n, c.num_kp, 2, 2).unbind()
    return [
        Graph(
            "keypoint_detector",
            _KeypointDetectorGraph(networks),
            {"frame": frame},
            ("keypoints", *_if(jacobians, "jacobians")),
            ("kp_hourglass_input", "kp_hourglass_output", "kp_logits", *_if(jacobians, "jacobian_maps")),
        ),
        Graph(
            "source_encoder",
            _SourceEncoderGraph(networks, networks.generator.encode, networks.generator),
            {"source_image": frame},
            ("source_features", "source_quarter"),
        ),
        Graph(
            "dense_motion",
            _DenseMotionGraph(networks),
            {
                "source_quarter": torch.rand(n, c.num_channels, side, side),
                "kp_source": kp_source,
                **({"kp_source_jacobian": kp_source_jacobian} if jacobians else {}),
                "kp_driving": kp_driving,
                **({"kp_driving_jacobian": kp_driving_jacobian} if jacobians else {}),
            },
            ("deformation", "mask", *_if(occlusion, "occlusion_map")),
            (
                "motion_hourglass_input",
                "motion_hourglass_output",
                "mask_logits",
                *_if(occlusion, "occlusion_logits"),
            ),
        ),
        Graph(
            "generator",
            _GeneratorGraph(networks),
            {"source_features": networks.generator.encode(frame), **_example_motion(networks)},
            ("prediction",),
            ("warped_features", *_if(occlusion, "masked_features")),
        ),
    ]


def cpu_graphs(networks: Networks) -> list[Graph]:
    """Source encoder and generator for CPUs, in place of the graphs of the same names.

    Between them, `source_features` is (N, R, C), see `row_warp.as_rows`.

    Args:
        networks: With folded norms and up blocks as published.
    """
    generator = CpuGenerator(networks.generator, networks.size)
    encoder = Graph(
        "source_encoder",
        _SourceEncoderGraph(networks, generator.encode_rows, generator),
        {"source_image": _example_frames(networks)},
        ("source_features", "source_quarter"),
    )
    return [encoder, cpu_generator_graph(networks, generator)]


def cpu_generator_graph(networks: Networks, generator: CpuGenerator) -> Graph:
    """The graph of a generator for CPUs."""
    inputs = {"source_features": generator.encode_rows(_example_frames(networks)), **_example_motion(networks)}
    return Graph("generator", generator, inputs, ("prediction",))


def _if(present: bool, name: str) -> tuple[str, ...]:
    return (name,) if present else ()


def _present(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)


def _example_frames(networks: Networks) -> Tensor:
    # The tracer would take a batch of 1 for a constant.
    return torch.rand(2, networks.configuration.num_channels, networks.size, networks.size)


def _example_motion(networks: Networks) -> dict[str, Tensor]:
    side = networks.configuration.motion_size
    motion = {"deformation": torch.rand(2, side, side, 2)}
    if networks.configuration.estimate_occlusion_map:
        motion["occlusion_map"] = torch.rand(2, 1, side, side)
    return motion


class _KeypointDetectorGraph(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.detector = networks.kp_detector
        self.heads = MergedHeads([head for head in (self.detector.kp, self.detector.jacobian) if head is not None])

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        detector = self.detector
        hourglass_input = detector.down(frame)
        hourglass_output = detector.predictor(hourglass_input)
        logits, *rest = self.heads(hourglass_output)
        maps = rest[0] if rest else None
        keypoints = detector.expectation(logits, maps)
        return _present(keypoints.value, keypoints.jacobian, hourglass_input, hourglass_output, logits, maps)


class _SourceEncoderGraph(nn.Module):
    def __init__(self, networks: Networks, encode: Callable[[Tensor], Tensor], encoder: nn.Module) -> None:
        super().__init__()
        self.encode, self.encoder = encode, encoder
        self.down = networks.generator.dense_motion_network.down

    def forward(self, source_image: Tensor) -> tuple[Tensor, ...]:
        return self.encode(source_image), self.down(source_image)


class _DenseMotionGraph(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.network = networks.generator.dense_motion_network
        self.heads = SplitHeads([head for head in (self.network.mask, self.network.occlusion) if head is not None])

    def forward(
        self,
        source_quarter: Tensor,
        kp_source: Tensor,
        kp_source_jacobian: Tensor | None = None,
        kp_driving: Tensor | None = None,
        kp_driving_jacobian: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        assert kp_driving is not None
        network, grid = self.network, self.network.grid
        source = Keypoints(kp_source, kp_source_jacobian)
        driving = Keypoints(kp_driving, kp_driving_jacobian)
        maps = affine_motion.affine_maps(source, driving)
        hourglass_input = affine_motion.hourglass_input(network, source_quarter, source, driving, maps)
        hourglass_output = network.hourglass(hourglass_input)
        mask_logits, *rest = self.heads(hourglass_output)
        occlusion_logits = rest[0] if rest else None
        mask = mask_logits.softmax(dim=1)
        return _present(
            affine_motion.blend(maps, mask, grid),
            mask,
            None if occlusion_logits is None else occlusion_logits.sigmoid(),
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
