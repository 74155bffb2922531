"""TensorRT engines of whole graphs (`fomm-rt build --layout whole`), chained as in a program without fomm-rt's kernels.

Tensors go through host memory between networks, as with every contestant that runs the exported graphs. Buffers are
pinned and allocated once.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.graph_contestant import GraphContestant, RunGraph, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_build.parity.loaded_engine import LoadedEngine
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.library import TensorRT, load_tensorrt
from fomm_rt.bundled import open_model
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import model_hash
from fomm_rt.engines.store import default_folder
from fomm_rt.engines.whole_folder import WholeFolder
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import NETWORKS

if TYPE_CHECKING:
    from fomm_build.build import BuildOptions


def open_whole_engines(model: ModelSpec, flavour: str) -> GraphContestant:
    """Opens whole engines in half precision from the user's cache; builds missing ones first.

    Raises:
        UnavailableError: They cannot be built here.
        EngineError: They do not reproduce the model, or TensorRT refuses them.
    """
    from fomm_build.build import WHOLE, BuildOptions, build_engines
    from fomm_rt.backends.gpu.cuda_device import CudaDevice

    start = perf_counter()
    options = BuildOptions(flavour, layout=WHOLE)
    folder = open_model(model.folder)
    try:
        result = build_engines(folder, options, whole_folder(folder, options))
    except EngineError:
        raise  # a failure, not a reason to skip
    except BackendError as error:
        raise UnavailableError(str(error)) from error
    device = CudaDevice()
    library = load_tensorrt(flavour)
    with device.current():
        run = load_whole_engines(library, device, result.engines)
    name = f"{device.name}, {library.describe()}"
    return GraphContestant(run, name, model.relative, perf_counter() - start if result.built else None)


def whole_folder(model: ModelFolder, options: BuildOptions) -> WholeFolder:
    """The folder of a model's whole engines, one for each choice of options, beside the engine store."""
    name = f"{model_hash(model.manifest)[:16]}-{options.flavour}-{options.precision}-{options.max_batch}"
    return WholeFolder(default_folder().with_name("whole-engines") / name)


def load_whole_engines(library: TensorRT, device: Device, engines: EngineSet) -> RunGraph:
    """Loads the four engines on a device, which must be current. Raises EngineError if TensorRT refuses a call."""
    loader = EngineLoader(library, engines)
    networks = {name: LoadedEngine(loader, device, name) for name in NETWORKS}

    def run(network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        with device.current():
            outputs = networks[network].run(inputs)
        return {name: array.astype(np.float32, copy=False) for name, array in outputs.items()}

    return run
