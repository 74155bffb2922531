"""A model's networks on ONNX Runtime with all tensors on the device, and each network replayed as a CUDA graph.

    frame ─▶ detector ─▶ keypoints ─▶ (host) ─▶ dense motion ─▶ deformation, occlusion ─▶ generator ─▶ prediction

What one network gives is what the next takes, in the same memory. A frame goes up, its prediction comes down. Keypoints
come to the host and go back, some hundred bytes: motion transfer is less work than queueing it would be, and whoever
asks for keypoints wants them there. A source's tensors are kept on the host and go up when sources are switched: graphs
keep their addresses, and ONNX Runtime's graphs of every source would never be freed.

On CUDA none of this has been executed: no GPU was at hand. Tests run the same calls with tensors of the device "cpu",
and refuse what a GPU might refuse.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.backends.onnxruntime.networks import Tensors, keypoint_tensors, keypoints_of
from fomm_rt.backends.onnxruntime.sessions import (
    ONNXRUNTIME_CPU,
    ONNXRUNTIME_CUDA,
    VARIANTS,
    open_networks,
    session_errors,
)
from fomm_rt.errors import BackendError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import NetworkFile
from fomm_rt.motion.keypoints import Keypoints

if TYPE_CHECKING:
    import onnxruntime

DEVICES = {ONNXRUNTIME_CUDA: "cuda", ONNXRUNTIME_CPU: "cpu"}
"""Backend -> where ONNX Runtime keeps its tensors."""

CAPTURED = ("keypoint_detector", "dense_motion", "generator")
"""Networks of a frame; the encoder runs once a source."""

_OF_SOURCE = ("source_features", "source_quarter", "kp_source", "kp_source_jacobian")
_MAPS = ("deformation", "mask", "occlusion_map")

_log = logging.getLogger("fomm_rt")


class DeviceNetworks:
    """See `fomm_rt.backends.onnxruntime.networks.Networks`.

    A frame of nothing is run at once: what the device refuses it refuses now, and the first real frame is as fast as
    any. Where graphs are refused, networks run without.

    Args:
        name: A key of DEVICES.
        model: What to run.
        precision: Of its graphs.
        threads: CPU threads within a network; ONNX Runtime's choice by default.

    Attributes:
        eager_reason: Why networks are not replayed; None if they are.

    Raises:
        BackendError: See `open_networks`; or there is too little memory on the device, or a network does not run there.
        ModelError: See `open_networks`.
    """

    def __init__(self, name: str, model: ModelFolder, precision: str, threads: int | None) -> None:
        self.eager_reason: str | None = None
        self._tensors: dict[str, Any] = {}
        self._shown: Tensors | None = None
        open_ = partial(self._open, name, model, precision, threads)
        try:
            open_(CAPTURED)
        except BackendError as error:
            self.eager_reason = str(error)
        if self.eager_reason is not None:  # not while the error keeps the first sessions
            open_(())
            _log.warning("networks run without a CUDA graph, which takes longer: %s", self.eager_reason)

    def load(self, frame: NDArray[np.float32]) -> None:
        """See `Networks.load`."""
        self._write("frame", frame)

    def detect(self) -> Keypoints:
        """See `Networks.detect`."""
        self._run("keypoint_detector")
        return keypoints_of(self._read("keypoints", "jacobians"))

    def encode(self, keypoints: Keypoints) -> Tensors:
        """See `Networks.encode`."""
        self._shown = None  # the encoder writes where a source is shown from
        self._run("source_encoder")
        return {**self._read("source_features", "source_quarter"), **keypoint_tensors("kp_source", keypoints)}

    def move(self, source: Tensors, keypoints: Keypoints) -> None:
        """See `Networks.move`."""
        if source is not self._shown:
            self._shown = None  # until all of it is there
            for name in _OF_SOURCE:
                if name in source:
                    self._write(name, source[name])
            self._shown = source
        for name, tensor in keypoint_tensors("kp_driving", keypoints).items():
            self._write(name, tensor)
        self._run("dense_motion")

    def generate(self) -> None:
        """See `Networks.generate`."""
        self._run("generator")

    def prediction(self) -> NDArray[np.float32]:
        """See `Networks.prediction`."""
        with session_errors("copying from the device"):
            prediction: NDArray[np.float32] = self._tensors["prediction"].numpy()
        return prediction

    def maps(self) -> Tensors:
        """See `Networks.maps`."""
        return self._read(*_MAPS)

    def close(self) -> None:
        """See `Networks.close`."""
        self._bindings.clear()
        self._sessions.clear()
        self._tensors.clear()

    def _open(
        self, name: str, model: ModelFolder, precision: str, threads: int | None, captured: Collection[str]
    ) -> None:
        networks = {n: model.manifest.network(n, VARIANTS[name, precision]) for n in model.manifest.networks}
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._bindings: dict[str, Any] = {}
        self._sessions = open_networks(name, model, precision, threads, captured)
        if not self._tensors:
            self._tensors = _allocate(list(networks.values()), DEVICES[name])
        self._bindings = {n: _bind(session, networks[n], self._tensors) for n, session in self._sessions.items()}
        self.load(np.zeros(self._tensors["frame"].shape(), np.float32))
        keypoints = self.detect()
        self.move(self.encode(keypoints), keypoints)
        self.generate()
        self.prediction()

    def _run(self, network: str) -> None:
        with session_errors(f"in {network}"):
            self._sessions[network].run_with_iobinding(self._bindings[network])

    def _write(self, name: str, array: NDArray[np.float32]) -> None:
        with session_errors(f"copying {name} to the device"):
            self._tensors[name].update_inplace(np.ascontiguousarray(array, np.float32))

    def _read(self, *names: str) -> Tensors:
        """Of these tensors those that the model has, as arrays of their own: on the CPU `numpy()` only looks."""
        with session_errors("copying from the device"):
            return {name: np.array(self._tensors[name].numpy()) for name in names if name in self._tensors}


def _allocate(networks: list[NetworkFile], device: str) -> dict[str, Any]:
    """A tensor for every name; what a frame is called by the encoder and by the detector is one."""
    import onnxruntime

    tensors: dict[str, Any] = {}
    with session_errors(f"allocating tensors on the device {device}"):
        for spec in (spec for network in networks for spec in (*network.inputs, *network.outputs)):
            if spec.name not in tensors and spec.name != "source_image":
                shape = [1 if isinstance(size, str) else size for size in spec.shape]
                tensors[spec.name] = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, device, 0)
    tensors["source_image"] = tensors["frame"]
    return tensors


def _bind(session: onnxruntime.InferenceSession, network: NetworkFile, tensors: dict[str, Any]) -> Any:
    binding = session.io_binding()
    with session_errors("binding tensors"):
        for spec in network.inputs:
            binding.bind_ortvalue_input(spec.name, tensors[spec.name])
        for spec in network.outputs:
            binding.bind_ortvalue_output(spec.name, tensors[spec.name])
    return binding
