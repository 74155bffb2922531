"""TensorRT engines of whole graphs (`fomm-rt build --layout whole`), chained as a program without our kernels would.

Between networks tensors go through host memory, as with every contestant that runs the exported graphs; buffers are
allocated once and pinned. Not executed on a GPU so far; tests play TensorRT's part and the device's.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.graph_contestant import GraphContestant, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_build.parity.loaded_engine import LoadedEngine
from fomm_rt.backends.gpu.device import Device
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


class WholeChain(GraphContestant):
    """See `GraphContestant`; knows how long its engines took to build, where they were built for it."""

    build_s: float | None = None


def open_whole_engines(model: ModelSpec, flavour: str) -> WholeChain:
    """Opens a model's whole engines in half precision, from the user's cache or built first.

    Raises:
        UnavailableError: They cannot be built here.
        EngineError: They do not reproduce the model, or TensorRT refuses them.
    """
    from fomm_build.build import WHOLE, BuildOptions, build_engines
    from fomm_rt.backends.gpu.cuda_device import CudaDevice

    start = perf_counter()
    try:
        options = BuildOptions(flavour, layout=WHOLE)
        folder = open_model(model.folder)
        result = build_engines(folder, options, whole_place(folder, options))
    except EngineError:
        raise  # built, but not good enough: that is no reason to skip
    except BackendError as error:
        raise UnavailableError(str(error)) from error
    device = CudaDevice()
    library = load_tensorrt(flavour)
    with device.current():
        chain = WholeChain(
            WholeEngines(library, device, result.engines), f"{device.name}, {library.describe()}", model.relative
        )
    chain.build_s = perf_counter() - start if result.built else None
    return chain


def whole_place(model: ModelFolder, options: BuildOptions) -> WholeFolder:
    """Where benchmarks keep whole engines: beside the engine store, a folder for each model and choice of options."""
    name = f"{model_hash(model.manifest)[:16]}-{options.flavour}-{options.precision}-{options.max_batch}"
    return WholeFolder(default_folder().with_name("whole-engines") / name)


class WholeEngines:
    """See `fomm_bench.contestants.graph_contestant.Engine`.

    Args:
        library: What built the engines.
        device: Entered; where they run.
        engines: The built engines.

    Raises:
        EngineError: Of any call: TensorRT refuses.
    """

    def __init__(self, library: TensorRT, device: Device, engines: EngineSet) -> None:
        self._device = device
        self._networks = {
            name: LoadedEngine(library, device, name, engines.read(name), file.inputs, file.outputs)
            for name in NETWORKS
            for file in [engines.manifest.engines[name]]
        }

    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        """See `Engine.run`."""
        with self._device.current():
            outputs = self._networks[network].run(inputs)
        return {name: array.astype(np.float32, copy=False) for name, array in outputs.items()}
