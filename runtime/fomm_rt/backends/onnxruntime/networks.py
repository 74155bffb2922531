"""The protocol that runs a model's networks on ONNX Runtime, and its implementation in host memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fomm_rt.backends.onnxruntime.sessions import open_networks, run_options, run_session, session_errors
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.graph_chain import HostTensors

Tensors = Mapping[str, Any]
"""Tensor name -> an array in host memory, or a tensor of the networks' own."""


class Networks(Protocol):
    """Runs the networks of one model.

    Every call raises BackendError if ONNX Runtime fails; the next frame can still be tried.

    Attributes:
        eager_reason: Why networks are not replayed as CUDA graphs; None if they are, or if the device has no graphs.
    """

    eager_reason: str | None

    def load(self, frame: NDArray[np.float32]) -> Any:
        """Takes a frame (1, 3, size, size) float32 to the device; the result is valid until the next frame."""

    def run(self, network: str, values: Tensors) -> Tensors:
        """Runs one network; its outputs may be overwritten by its next run."""

    def download(self, tensor: Any) -> NDArray[np.float32]:
        """Returns a tensor as an array in host memory that later runs do not change."""

    def interrupt(self) -> None:
        """Makes a run in another thread fail; does nothing where runs are short."""
        return

    def close(self) -> None:
        """Frees sessions and buffers."""


class HostNetworks(Networks):
    """Networks that take and return NumPy arrays; arguments and errors are those of `open_networks`."""

    eager_reason = None

    def __init__(self, name: str, model: ModelFolder, precision: str, threads: int | None) -> None:
        self._sessions = open_networks(name, model, precision, threads)
        self._run_options = run_options()

    @override
    def load(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        return frame

    @override
    def run(self, network: str, values: Tensors) -> HostTensors:
        with session_errors(f"in {network}"):
            return run_session(self._sessions[network], values, self._run_options)

    @override
    def interrupt(self) -> None:
        running, self._run_options = self._run_options, run_options()
        running.terminate = True

    @override
    def download(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return tensor

    @override
    def close(self) -> None:
        self._sessions.clear()
