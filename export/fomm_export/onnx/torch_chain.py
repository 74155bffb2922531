"""The published PyTorch networks behind the names of the four graphs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.model import Networks
from fomm_export.onnx.graphs import EncodeSource
from fomm_rt.model.graph_chain import GraphChain


def torch_chain(networks: Networks, encode: EncodeSource = lambda _: {}) -> GraphChain[Tensor]:
    """Chains PyTorch networks as exported graphs are chained.

    The generator runs as published, from the source image to the prediction in one call, so exports are compared with
    its encoder and its warp as well.

    Args:
        networks: As built from the checkpoint, not rewritten.
        encode: Adds what a generator graph takes of a source, for callers that read it; nothing by default.
    """
    generator = networks.generator

    def run(network: str, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if network == "keypoint_detector":
            found = networks.kp_detector(values["frame"])
            return _present(keypoints=found.value, jacobians=found.jacobian)
        source = values["source_image"]
        if network == "source_encoder":
            return {"source_image": source, **encode(source)}
        kp_source, kp_driving = (
            Keypoints(values[side], values.get(f"{side}_jacobian")) for side in ("kp_source", "kp_driving")
        )
        motion = generator.dense_motion_network(source, kp_source, kp_driving)
        if network == "generator":
            return generated(generator, source, motion)
        return _present(deformation=motion.deformation, mask=motion.mask, occlusion_map=motion.occlusion_map)

    return GraphChain(run)


def generated(generator: Generator, source_image: Tensor, motion: DenseMotion) -> dict[str, Tensor]:
    """The outputs of the generator's graph: `prediction` and, in a model with it, `blend_mask`."""
    decoded = generator.decode(generator.move(generator.encode(source_image), motion))
    prediction = generator.blend(decoded, source_image, motion.deformation)
    return {"prediction": prediction, **({"blend_mask": decoded[:, -1:]} if generator.blends else {})}


def _present(**tensors: Tensor | None) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
