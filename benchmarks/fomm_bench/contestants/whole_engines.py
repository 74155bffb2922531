"""TensorRT engines of whole graphs (`fomm-rt build --layout whole`), chained as a program without our kernels would.

Tensors go through host memory between networks, as with every contestant that runs the exported graphs. Buffers are
pinned and allocated once.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fomm_bench.contestants.graph_contestant import GraphContestant, GraphRunner, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_build.parity.loaded_engine import LoadedEngine
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.library import TensorRT, load_tensorrt
from fomm_rt.bundled import open_model
from fomm_rt.engines.folder import EngineFolder
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.model.folder import NETWORKS


def open_whole_engines(model: ModelSpec, flavour: str) -> GraphContestant:
    """Opens whole engines in half precision from the engine store; builds missing ones first.

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
        raise  # a failure, not a reason to skip
    except BackendError as error:
        raise UnavailableError(str(error)) from error
    device = CudaDevice()
    library = load_tensorrt(flavour)
    with device.current():
        engines = WholeEngines(library, device, folder)
    name = f"{device.name}, {library.describe()}"
    return GraphContestant(engines, name, model.relative, perf_counter() - start if built else None)


class WholeEngines(GraphRunner):
    """The four whole engines, loaded.

    Args:
        library: The TensorRT that built the engines.
        device: The device they run on; it must be current.
        folder: Folder of the engines.

    Raises:
        EngineError: From any call, if TensorRT refuses it.
    """

    def __init__(self, library: TensorRT, device: Device, folder: EngineFolder) -> None:
        self._device = device
        self._networks = {
            name: LoadedEngine(library, device, name, folder.read(name), file.inputs, file.outputs)
            for name in NETWORKS
            for file in [folder.manifest.engines[name]]
        }

    @override
    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        with self._device.current():
            outputs = self._networks[network].run(inputs)
        return {name: array.astype(np.float32, copy=False) for name, array in outputs.items()}
