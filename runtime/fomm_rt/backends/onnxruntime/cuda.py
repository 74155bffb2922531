"""A model's networks on ONNX Runtime with all tensors on the device, each network replayed as a CUDA graph.

A network writes its outputs where the next one reads its inputs. Per frame, the picture is uploaded and the prediction
downloaded. Keypoints, some hundred bytes, make a round trip to the host, because motion transfer there is cheaper than
queueing it, and callers expect keypoints on the host. The tensors of a source are kept on the host and uploaded when
sources are switched: a graph has fixed addresses, and ONNX Runtime would never free one graph per source.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fomm_rt.backends.onnxruntime.networks import Networks, Tensors
from fomm_rt.backends.onnxruntime.sessions import (
    ONNXRUNTIME_CPU,
    ONNXRUNTIME_CUDA,
    VARIANTS,
    open_networks,
    session_errors,
)
from fomm_rt.errors import BackendError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.graph_chain import GraphChain
from fomm_rt.model.manifest import NetworkFile

if TYPE_CHECKING:
    from fomm_rt.machine.onnx_runtime import onnxruntime

DEVICES = {ONNXRUNTIME_CUDA: "cuda", ONNXRUNTIME_CPU: "cpu"}
"""Backend -> where ONNX Runtime keeps its tensors."""

CAPTURED = ("keypoint_detector", "dense_motion", "generator")
"""Networks that run for every frame; the encoder runs once per source."""

_log = logging.getLogger("fomm_rt")


class DeviceNetworks(Networks):
    """Networks that take NumPy arrays and tensors of the device, and return the latter.

    Opening runs one blank frame, so errors of the device appear at once, and the first real frame is as fast as any
    other. If the device refuses graphs, networks run without them. Arguments and errors are those of `open_networks`.
    """

    def __init__(self, name: str, model: ModelFolder, precision: str, threads: int | None) -> None:
        self.eager_reason = None
        self._tensors: dict[str, Any] = {}
        open_ = partial(self._open, name, model, precision, threads)
        try:
            open_(CAPTURED)
        except BackendError as error:
            self.eager_reason = str(error)
        if self.eager_reason is not None:  # outside of the handler: the error keeps the first sessions alive
            open_(())
            _log.warning("networks run without a CUDA graph, which takes longer: %s", self.eager_reason)

    @override
    def load(self, frame: NDArray[np.float32]) -> Any:
        self._write("frame", frame)
        return self._tensors["frame"]

    @override
    def run(self, network: str, values: Tensors) -> Tensors:
        entry = self._networks[network]
        for name in (spec.name for spec in entry.inputs):
            # A source is written once, not for every frame.
            if values[name] is not self._tensors[name] and values[name] is not self._written.get(name):
                self._write(name, values[name])
        outputs = [spec.name for spec in entry.outputs]
        for name in outputs:
            self._written.pop(name, None)
        with session_errors(f"in {network}"):
            self._sessions[network].run_with_iobinding(self._bindings[network])
        return {name: self._tensors[name] for name in outputs}

    @override
    def download(self, tensor: Any) -> NDArray[np.float32]:
        if isinstance(tensor, np.ndarray):
            return tensor
        with session_errors("copying from the device"):
            array: NDArray[np.float32] = tensor.numpy()
        return array if array.flags.owndata else array.copy()  # on a CPU it is a view

    @override
    def close(self) -> None:
        self._bindings.clear()
        self._sessions.clear()
        self._tensors.clear()
        self._written.clear()

    def _open(
        self, name: str, model: ModelFolder, precision: str, threads: int | None, captured: Collection[str]
    ) -> None:
        self._networks = {n: model.manifest.network(n, VARIANTS[name, precision]) for n in model.manifest.networks}
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._bindings: dict[str, Any] = {}
        # The array that each tensor was last filled from; it is kept, so that identity means equality.
        self._written: dict[str, NDArray[np.float32]] = {}
        self._sessions = open_networks(name, model, precision, threads, captured)
        if not self._tensors:
            self._tensors = _allocate(list(self._networks.values()), DEVICES[name])
        self._bindings = {n: _bind(session, self._networks[n], self._tensors) for n, session in self._sessions.items()}
        chain = GraphChain[Any](self.run)
        blank = self.load(np.zeros(self._tensors["frame"].shape(), np.float32))
        source = {tensor: self.download(value) for tensor, value in chain.prepare(blank).items()}
        self.download(chain.animate(source, blank)["prediction"])
        self._written.clear()

    def _write(self, name: str, array: NDArray[np.float32]) -> None:
        self._written.pop(name, None)
        with session_errors(f"copying {name} to the device"):
            self._tensors[name].update_inplace(np.ascontiguousarray(array, np.float32))
        self._written[name] = array


def _allocate(networks: list[NetworkFile], device: str) -> dict[str, Any]:
    """Allocates a tensor for every name; the encoder's `source_image` and the detector's `frame` are one."""
    from fomm_rt.machine.onnx_runtime import onnxruntime

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
