"""The four networks of a model, chained by the names of their tensors.

    frame                                       ─▶ keypoint_detector ─▶ keypoints, jacobians
    source_image                                ─▶ source_encoder    ─▶ source_features, source_quarter, source_pixels
    source_quarter, kp_source, kp_driving       ─▶ dense_motion      ─▶ deformation, mask, occlusion_map
    source_features, deformation, occlusion_map,
    source_pixels                               ─▶ generator         ─▶ prediction, blend_mask

Jacobians (`kp_source_jacobian` and `kp_driving_jacobian` beside the keypoints), the occlusion map, and source pixels
with the blend mask are missing in models without them. The ONNX Runtime backends, the parity checks of exports and
engines, and int8 calibration share this chain; they differ in what runs a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints

Tensor = TypeVar("Tensor")
Run = Callable[[str, Mapping[str, Tensor]], Mapping[str, Tensor]]
"""Runs one of `fomm_rt.model.folder.NETWORKS`: its name and at least its inputs by name -> its outputs by name."""

HostTensors = Mapping[str, NDArray[np.float32]]
"""Tensor name -> array of a batch of 1."""


class GraphChain(Generic[Tensor]):
    """Passes tensors from network to network; `Tensor` is whatever `run` takes and returns.

    Shapes are those of a batch of 1 and the dtype is float32 unless `run` decides otherwise: frames (1, 3, S, S) in
    [0, 1], keypoints (1, K, 2), jacobians (1, K, 2, 2).

    Args:
        run: Runs a network and ignores the tensors that it does not take.
    """

    def __init__(self, run: Run[Tensor]) -> None:
        self._run = run

    def detect(self, frame: Tensor) -> Mapping[str, Tensor]:
        """Returns `keypoints` and `jacobians` of a frame."""
        return self._run("keypoint_detector", {"frame": frame})

    def encode(self, frame: Tensor, detected: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns the source's inputs of the later networks, given its frame and the keypoints detected in it."""
        return {**self._run("source_encoder", {"source_image": frame}), **_renamed(detected, "kp_source")}

    def move(self, source: Mapping[str, Tensor], driving: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adds dense motion to an encoded source, given driving keypoints named as `detect` names them."""
        values = {**source, **_renamed(driving, "kp_driving")}
        return {**values, **self._run("dense_motion", values)}

    def generate(self, moved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adds the prediction (1, 3, S, S) in [0, 1], and any blend mask, to the result of `move`."""
        return {**moved, **self._run("generator", moved)}

    def prepare(self, frame: Tensor) -> dict[str, Tensor]:
        """Returns an encoded source with its `source_image`, for `animate`."""
        return {"source_image": frame, **self.encode(frame, self.detect(frame))}

    def animate(self, source: Mapping[str, Tensor], frame: Tensor) -> dict[str, Tensor]:
        """Animates a source in absolute motion; returns every input and output of the four networks.

        `frame`, `keypoints` and the detector's other outputs are those of the driving frame.
        """
        detected = self.detect(frame)
        return self.generate({"frame": frame, **detected, **self.move(source, detected)})


def frame_tensor(frame: Image) -> NDArray[np.float32]:
    """(S, S, 3) uint8 -> (1, 3, S, S) float32 in [0, 1]."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def keypoint_tensors(keypoints: Keypoints) -> HostTensors:
    """Keypoints -> tensors named and shaped as `GraphChain.detect` returns them."""
    tensors = {"keypoints": keypoints.value[None]}
    if keypoints.jacobian is not None:
        tensors["jacobians"] = keypoints.jacobian[None]
    return tensors


def keypoints_from_tensors(detected: HostTensors) -> Keypoints:
    """The inverse of `keypoint_tensors`."""
    jacobians = detected.get("jacobians")
    return Keypoints(detected["keypoints"][0], None if jacobians is None else jacobians[0])


def _renamed(detected: Mapping[str, Tensor], side: str) -> dict[str, Tensor]:
    """Keypoints under the names of a side's inputs: `kp_source`, `kp_source_jacobian`."""
    names = {"keypoints": side, "jacobians": f"{side}_jacobian"}
    return {names[name]: tensor for name, tensor in detected.items() if name in names}
