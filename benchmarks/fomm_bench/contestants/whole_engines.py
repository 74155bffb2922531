"""TensorRT engines of whole graphs (`fomm-rt build --layout whole`), chained as a program without our kernels would.

Between networks tensors go through host memory, as with every contestant that runs the exported graphs; buffers are
allocated once and pinned. Not executed on a GPU so far; tests play TensorRT's part and the device's.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.graph_contestant import GraphContestant, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_build.parity.loaded_engine import LoadedEngine
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt import library as tensorrt_library
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.bundled import open_model
from fomm_rt.engines.folder import EngineFolder
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.model.manifest import NETWORKS


class WholeChain(GraphContestant):
    """See `GraphContestant`; knows how long its engines took to build, where they were built for it."""

    build_s: float | None = None


def open_whole_engines(model: ModelSpec, flavour: str) -> WholeChain:
    """Opens a model's whole engines in half precision, from the user's store or built first.

    Raises:
        UnavailableError: They cannot be built here.
        EngineError: They do not reproduce the model, or TensorRT refuses them.
    """
    from fomm_build.build import BuildOptions, build_engines
    from fomm_rt.backends.gpu.cuda_device import CudaDevice

    start = perf_counter()
    built: list[str] = []
    try:
        options = BuildOptions(flavour, layout="whole")
        folder = build_engines(
            open_model(model.folder), options, EngineStore(), built=lambda name, _engine: built.append(name)
        )
    except EngineError:
        raise  # built, but not good enough: that is no reason to skip
    except BackendError as error:
        raise UnavailableError(str(error)) from error
    device = CudaDevice()
    library = tensorrt_library.load(flavour)
    with device.current():
        chain = WholeChain(
            WholeEngines(library, device, folder), f"{device.name}, {library.describe()}", model.relative
        )
    chain.build_s = perf_counter() - start if built else None
    return chain


class WholeEngines:
    """See `fomm_bench.contestants.graph_contestant.Engine`.

    Args:
        library: What built the engines.
        device: Entered; where they run.
        folder: Where they are.

    Raises:
        EngineError: Of any call: TensorRT refuses.
    """

    def __init__(self, library: TensorRT, device: Device, folder: EngineFolder) -> None:
        self._device = device
        self._networks = {
            name: LoadedEngine(library, device, name, folder.read(name), file.inputs, file.outputs)
            for name in NETWORKS
            for file in [folder.manifest.engines[name]]
        }

    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        """See `Engine.run`."""
        with self._device.current():
            outputs = self._networks[network].run(inputs)
        return {name: array.astype(np.float32, copy=False) for name, array in outputs.items()}
