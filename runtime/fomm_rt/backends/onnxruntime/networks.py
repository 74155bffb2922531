"""A model's four networks in the order of a frame, on ONNX Runtime; here with all tensors in host memory."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fomm_rt.backends.onnxruntime.sessions import open_networks, session_errors
from fomm_rt.model.folder import ModelFolder
from fomm_rt.motion.keypoints import Keypoints

Tensors = dict[str, NDArray[np.float32]]
"""By the names that the graphs have for them."""


class Networks(Protocol):
    """Calls come in the order of a frame: load, detect, then for a source encode, else move, generate, prediction.

    Every call raises BackendError where ONNX Runtime fails, and the next frame may be tried all the same.
    """

    @property
    def eager_reason(self) -> str | None:
        """Why networks are not replayed from CUDA graphs; None if they are, or could not be anywhere."""

    def load(self, frame: NDArray[np.float32]) -> None:
        """Takes a frame (1, 3, size, size) float32 in [0, 1], which stays as it is until the next."""

    def detect(self) -> Keypoints:
        """Keypoints of the loaded frame."""

    def encode(self, keypoints: Keypoints) -> Any:
        """The loaded frame, a source with these keypoints, as `move` takes it."""

    def move(self, source: Any, keypoints: Keypoints) -> None:
        """Dense motion of a source towards these keypoints."""

    def generate(self) -> None:
        """The picture of the motion found last."""

    def prediction(self) -> NDArray[np.float32]:
        """(1, 3, size, size) float32 in [0, 1], what was generated last; read before the next frame."""

    def maps(self) -> Tensors:
        """Deformation, mask and, where the model has one, occlusion map of the motion found last, yours to keep."""

    def close(self) -> None:
        """Frees sessions and buffers."""


class HostNetworks:
    """See `Networks`.

    Args:
        name: A backend of `onnx_runtime_sessions.PROVIDERS`.
        model: What to run.
        precision: Of its graphs.
        threads: CPU threads within a network; ONNX Runtime's choice by default.

    Raises:
        BackendError, ModelError: See `open_networks`.
    """

    eager_reason = None

    def __init__(self, name: str, model: ModelFolder, precision: str, threads: int | None) -> None:
        self._sessions = open_networks(name, model, precision, threads)
        self._outputs = {n: [spec.name for spec in entry.outputs] for n, entry in model.manifest.networks.items()}
        self._frame: NDArray[np.float32] | None = None
        self._features: NDArray[np.float32] | None = None
        self._motion: Tensors = {}
        self._prediction: NDArray[np.float32] | None = None

    def load(self, frame: NDArray[np.float32]) -> None:
        """See `Networks.load`."""
        self._frame = frame

    def detect(self) -> Keypoints:
        """See `Networks.detect`."""
        return keypoints_of(self._run("keypoint_detector", {"frame": self._frame}))

    def encode(self, keypoints: Keypoints) -> Tensors:
        """See `Networks.encode`."""
        return {
            **self._run("source_encoder", {"source_image": self._frame}),
            **keypoint_tensors("kp_source", keypoints),
        }

    def move(self, source: Tensors, keypoints: Keypoints) -> None:
        """See `Networks.move`."""
        inputs = {**source, **keypoint_tensors("kp_driving", keypoints)}
        self._features = inputs.pop("source_features")
        self._motion = self._run("dense_motion", inputs)

    def generate(self) -> None:
        """See `Networks.generate`."""
        warp = {name: tensor for name, tensor in self._motion.items() if name != "mask"}
        self._prediction = self._run("generator", {"source_features": self._features, **warp})["prediction"]

    def prediction(self) -> NDArray[np.float32]:
        """See `Networks.prediction`."""
        assert self._prediction is not None
        return self._prediction

    def maps(self) -> Tensors:
        """See `Networks.maps`."""
        return self._motion

    def close(self) -> None:
        """See `Networks.close`."""
        self._sessions.clear()

    def _run(self, network: str, inputs: dict[str, Any]) -> Tensors:
        names = self._outputs[network]
        with session_errors(f"in {network}"):
            values: list[Any] = self._sessions[network].run(names, inputs)
        return dict(zip(names, values, strict=True))


def keypoint_tensors(name: str, keypoints: Keypoints) -> Tensors:
    """Keypoints as the dense-motion graph takes them: (1, K, 2) and, if there are jacobians, (1, K, 2, 2)."""
    tensors = {name: keypoints.value[None]}
    if keypoints.jacobian is not None:
        tensors[f"{name}_jacobian"] = keypoints.jacobian[None]
    return tensors


def keypoints_of(tensors: Tensors) -> Keypoints:
    """What the detector gives, as keypoints."""
    jacobians = tensors.get("jacobians")
    return Keypoints(tensors["keypoints"][0], None if jacobians is None else jacobians[0])
