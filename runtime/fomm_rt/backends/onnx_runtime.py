"""ONNX Runtime, on the CPU or through its CUDA provider.

The CUDA provider is not executed by the project's tests: the code that selects and verifies it is, with the
provider absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt import nvidia_driver
from fomm_rt.backends.protocol import BackendDescription, Explanation, PreparedReference, PreparedSource
from fomm_rt.errors import BackendError
from fomm_rt.framing import Image, Square, resample
from fomm_rt.keypoints import Keypoints
from fomm_rt.model_folder import NETWORKS, ModelFolder
from fomm_rt.transfer import Transfer

if TYPE_CHECKING:
    import onnxruntime

Tensors = dict[str, NDArray[np.float32]]

PROVIDERS = {"onnxruntime-cuda": "CUDAExecutionProvider", "onnxruntime-cpu": "CPUExecutionProvider"}


def unavailable(name: str) -> str | None:
    """Why the backend of this name cannot run here, as far as can be told without a session; None if it can."""
    try:
        import onnxruntime
    except ImportError as error:
        return f"onnxruntime cannot be imported ({error}); install it with: pip install onnxruntime"
    if PROVIDERS[name] in onnxruntime.get_available_providers():
        return None
    if nvidia_driver.cuda_version() is None:
        return "this machine has no working NVIDIA driver"
    return (
        f"the installed onnxruntime {onnxruntime.__version__} is built without CUDA; "
        "replace it: pip uninstall onnxruntime, then pip install onnxruntime-gpu"
    )


@dataclass(frozen=True)
class _Source(PreparedSource):
    """features: (1, C, h, w); quarter: (1, 3, h, w); keypoints as the dense-motion graph takes them."""

    features: NDArray[np.float32]
    quarter: NDArray[np.float32]
    inputs: Tensors


class OnnxRuntimeBackend:
    """Runs the four graphs of a model folder as ONNX Runtime sessions.

    Args:
        name: A key of PROVIDERS.
        model: What to run.
        reason: Why this backend was chosen.
        threads: Of the CPU provider within a network; ONNX Runtime's own choice by default.

    Raises:
        BackendError: ONNX Runtime cannot load a network, or falls back to another provider than asked for.
    """

    def __init__(self, name: str, model: ModelFolder, reason: str, threads: int | None = None) -> None:
        self._provider = PROVIDERS[name]
        self._sessions = {network: self._open(model, network, threads) for network in NETWORKS}
        self._outputs = {
            network: [spec.name for spec in model.manifest.networks[network].outputs] for network in NETWORKS
        }
        size = model.manifest.size
        self._size = size
        self._frame = np.empty((1, 3, size, size), np.float32)
        self._picture = np.empty((size, size, 3), np.float32)
        import onnxruntime

        device = "CPU" if name == "onnxruntime-cpu" else f"NVIDIA GPU ({onnxruntime.get_device()})"
        self.description = BackendDescription(name, f"{device}, ONNX Runtime {onnxruntime.__version__}", reason)

    def _open(self, model: ModelFolder, network: str, threads: int | None) -> onnxruntime.InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # warnings about node placement are noise to a user
        # Every session has a pool of its own; one that spins after its network takes the cores from the next.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        path = model.network_path(network)
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=[self._provider])
        except Exception as error:  # onnxruntime raises a dozen types that share no base
            raise BackendError(
                f"{path}: ONNX Runtime cannot load this network ({_first_line(error)}); export the model again"
            ) from error
        # Asked for CUDA on a machine without it, ONNX Runtime silently takes the CPU.
        if session.get_providers()[0] != self._provider:
            raise BackendError(
                f"ONNX Runtime did not start its {self._provider} (driver, CUDA or cuDNN libraries are missing or "
                f"too old); it would run on {session.get_providers()[0]}. See fomm-rt doctor"
            )
        return session

    def _run(self, network: str, inputs: Mapping[str, NDArray[np.float32]]) -> Tensors:
        names = self._outputs[network]
        try:
            values: list[Any] = self._sessions[network].run(names, inputs)
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed in {network}: {_first_line(error)}") from error
        return dict(zip(names, values, strict=True))

    def _upload(self, image: Image) -> NDArray[np.float32]:
        """(size, size, 3) uint8 -> (1, 3, size, size) float32 in [0, 1], in a buffer that the next call reuses."""
        np.divide(image.transpose(2, 0, 1), np.float32(255), out=self._frame[0], dtype=np.float32)
        return self._frame

    def _download(self, prediction: NDArray[np.float32], out: Image) -> None:
        """(1, 3, size, size) float32 in [0, 1] -> (size, size, 3) uint8, rounded."""
        np.multiply(prediction[0].transpose(1, 2, 0), np.float32(255), out=self._picture)
        np.rint(self._picture, out=self._picture)
        out[...] = self._picture

    def prepare_source(self, image: Image, square: Square) -> PreparedSource:
        """See `Backend.prepare_source`."""
        picture = resample(image, square, self._size).copy()
        keypoints = self.detect(picture, Square(0, 0, self._size))
        encoded = self._run("source_encoder", {"source_image": self._upload(picture)})
        return _Source(
            picture,
            keypoints,
            encoded["source_features"],
            encoded["source_quarter"],
            _keypoint_inputs("kp_source", keypoints),
        )

    def prepare_reference(self, source: PreparedSource, transfer: Transfer) -> PreparedReference:
        """See `Backend.prepare_reference`."""
        return PreparedReference(source, transfer)

    def detect(self, image: Image, square: Square) -> Keypoints:
        """See `Backend.detect`."""
        tensors = self._run("keypoint_detector", {"frame": self._upload(resample(image, square, self._size))})
        jacobians = tensors.get("jacobians")
        return Keypoints(tensors["keypoints"][0], None if jacobians is None else jacobians[0])

    def animate(self, reference: PreparedReference, image: Image, square: Square, out: Image) -> None:
        """See `Backend.animate`."""
        self.animate_keypoints(reference, self.detect(image, square), out)

    def animate_keypoints(self, reference: PreparedReference, keypoints: Keypoints, out: Image) -> None:
        """See `Backend.animate_keypoints`."""
        self._animate(reference, reference.transfer(keypoints), out)

    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        """See `Backend.explain`."""
        animated = reference.transfer(keypoints)
        prediction = np.empty((self._size, self._size, 3), np.uint8)
        motion = self._animate(reference, animated, prediction)
        occlusion_map = motion.get("occlusion_map")
        return Explanation(
            prediction,
            reference.source.keypoints,
            keypoints,
            animated,
            motion["deformation"][0],
            motion["mask"][0],
            None if occlusion_map is None else occlusion_map[0, 0],
        )

    def _animate(self, reference: PreparedReference, animated: Keypoints, out: Image) -> Tensors:
        source = reference.source
        assert isinstance(source, _Source)
        motion = self._run(
            "dense_motion",
            {
                "source_quarter": source.quarter,
                **source.inputs,
                **_keypoint_inputs("kp_driving", animated),
            },
        )
        warp = {name: tensor for name, tensor in motion.items() if name != "mask"}
        prediction = self._run("generator", {"source_features": source.features, **warp})["prediction"]
        self._download(prediction, out)
        return motion

    def close(self) -> None:
        """See `Backend.close`."""
        self._sessions.clear()


def _keypoint_inputs(prefix: str, keypoints: Keypoints) -> Tensors:
    inputs = {prefix: keypoints.value[None]}
    if keypoints.jacobian is not None:
        inputs[f"{prefix}_jacobian"] = keypoints.jacobian[None]
    return inputs


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
