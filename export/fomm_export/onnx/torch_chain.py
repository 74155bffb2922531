"""The published PyTorch networks behind the names of the four graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.model import Networks
from fomm_rt.model.graph_chain import GraphChain


def torch_chain(networks: Networks, encode: Callable[[Tensor], Tensor] | None = None) -> GraphChain[Tensor]:
    """Chains PyTorch networks as exported graphs are chained.

    The generator runs as published, from the source image to the prediction in one call, so exports are compared with
    its encoder and its warp as well.

    Args:
        networks: As built from the checkpoint, not rewritten.
        encode: (N, 3, S, S) -> `source_features`, for callers that read them; by default sources come without.
    """
    generator = networks.generator

    def run(network: str, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if network == "keypoint_detector":
            found = networks.kp_detector(values["frame"])
            return _present(keypoints=found.value, jacobians=found.jacobian)
        source = values["source_image"]
        if network == "source_encoder":
            return _present(source_image=source, source_features=None if encode is None else encode(source))
        kp_source, kp_driving = (
            Keypoints(values[side], values.get(f"{side}_jacobian")) for side in ("kp_source", "kp_driving")
        )
        if network == "generator":
            return {"prediction": generator(source, kp_source, kp_driving)}
        motion = generator.dense_motion_network(source, kp_source, kp_driving)
        return _present(deformation=motion.deformation, mask=motion.mask, occlusion_map=motion.occlusion_map)

    return GraphChain(run)


def _present(**tensors: Tensor | None) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
