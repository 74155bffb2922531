"""The four graphs of a model folder: inputs, outputs, and inner tensors with stable names.

`cuts` names the inner tensors between geometry and convolutions. They keep these names in the ONNX files, so engines of
the convolutions alone can be cut out between them. The decoder's trunk begins at `masked_features`, or at
`warped_features` in a model without occlusion map. It ends at `prediction`, or at `decoded` in a model with blend mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.model import Networks
from fomm_export.rewrites import affine_motion
from fomm_export.rewrites.cpu_generator import CpuGenerator
from fomm_export.rewrites.heads import MergedHeads, SplitHeads

EncodeSource = Callable[[Tensor], dict[str, Tensor]]
"""Source (N, 3, S, S) in [0, 1] -> the inputs of a generator graph that depend on it alone, by name."""


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
    jacobians, occlusion, blends = c.estimate_jacobian, c.estimate_occlusion_map, c.estimate_blend_mask
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
            _SourceEncoderGraph(networks, partial(_encode_source, networks.generator), networks.generator),
            {"source_image": frame},
            ("source_features", "source_quarter", *_if(blends, "source_pixels")),
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
            _generator_inputs(networks, _encode_source(networks.generator, frame)),
            _generator_outputs(networks),
            ("warped_features", *_if(occlusion, "masked_features"), *_if(blends, "decoded")),
        ),
    ]


def cpu_graphs(networks: Networks) -> list[Graph]:
    """Source encoder and generator for CPUs, in place of the graphs of the same names.

    Between them, `source_features` is (N, R, C), see `row_warp.as_rows`, and `source_pixels` of a model with blend mask
    is (N, S·S, 12), see `phase_blend.as_neighbours`.

    Args:
        networks: With folded norms and up blocks as published.
    """
    generator = CpuGenerator(networks.generator, networks.size)
    blends = networks.configuration.estimate_blend_mask
    encoder = Graph(
        "source_encoder",
        _SourceEncoderGraph(networks, generator.encode_source, generator),
        {"source_image": _example_frames(networks)},
        ("source_features", "source_quarter", *_if(blends, "source_pixels")),
    )
    return [encoder, cpu_generator_graph(networks, generator)]


def cpu_generator_graph(networks: Networks, generator: CpuGenerator) -> Graph:
    """The graph of a generator for CPUs."""
    inputs = _generator_inputs(networks, generator.encode_source(_example_frames(networks)))
    return Graph("generator", generator, inputs, _generator_outputs(networks))


def _if(present: bool, name: str) -> tuple[str, ...]:
    return (name,) if present else ()


def _present(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)


def _example_frames(networks: Networks) -> Tensor:
    # The tracer would take a batch of 1 for a constant.
    return torch.rand(2, networks.configuration.num_channels, networks.size, networks.size)


def _generator_inputs(networks: Networks, encoded: dict[str, Tensor]) -> dict[str, Tensor]:
    """Example inputs, in the order of the parameters of the generators' `forward`."""
    c = networks.configuration
    n, side = len(encoded["source_features"]), c.motion_size
    inputs = {"source_features": encoded["source_features"], "deformation": torch.rand(n, side, side, 2)}
    if c.estimate_occlusion_map:
        inputs["occlusion_map"] = torch.rand(n, 1, side, side)
    if c.estimate_blend_mask:
        inputs["source_pixels"] = encoded["source_pixels"]
    return inputs


def _generator_outputs(networks: Networks) -> tuple[str, ...]:
    return ("prediction", *_if(networks.configuration.estimate_blend_mask, "blend_mask"))


def _encode_source(generator: Generator, source_image: Tensor) -> dict[str, Tensor]:
    """The inputs of the portable generator graph that depend on a source."""
    encoded = {"source_features": generator.encode(source_image)}
    return encoded | ({"source_pixels": source_image} if generator.blends else {})


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
    def __init__(self, networks: Networks, encode: EncodeSource, encoder: nn.Module) -> None:
        super().__init__()
        self.encode, self.encoder = encode, encoder
        self.down = networks.generator.dense_motion_network.down

    def forward(self, source_image: Tensor) -> tuple[Tensor, ...]:
        encoded = self.encode(source_image)
        features, quarter = encoded["source_features"], self.down(source_image)
        return _present(features, quarter, encoded.get("source_pixels"))


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
        self,
        source_features: Tensor,
        deformation: Tensor,
        occlusion_map: Tensor | None = None,
        source_pixels: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        generator = self.generator
        warped = generator.warp_features(source_features, deformation)
        masked = None if occlusion_map is None else generator.mask_features(warped, occlusion_map)
        decoded = generator.decode(warped if masked is None else masked)
        if source_pixels is None:
            return _present(decoded, warped, masked)
        prediction = generator.blend(decoded, source_pixels, deformation)
        return _present(prediction, decoded[:, -1:], warped, masked, decoded)
