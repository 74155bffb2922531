"""A model's engines: built, compared with the model where there is a GPU, and put into the engine store."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from time import perf_counter

import onnx

from fomm_build.builder import BuiltEngine, Device, build_engine
from fomm_build.half_graph import HalfGraph
from fomm_build.precision import FP16, FP32, trunks_in
from fomm_build.targets import check_targets
from fomm_build.trunks import cut_trunks
from fomm_build.whole_graphs import portable_graphs, whole_graphs
from fomm_kernels import KERNELS, KernelError, plugin
from fomm_kernels.launching import PLUGIN_KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt.backends.tensorrt import library as tensorrt_library
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import FLAVOURS, LAYOUTS, TENSORRT_RTX, EngineFile, EngineManifest, EngineSpec, model_hash
from fomm_rt.engines.store import EngineFolder, EngineStaging, EngineStore
from fomm_rt.errors import BackendError, OutputError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.machine.packages import installed_versions
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.precision import ENGINE_PRECISIONS

SPLIT, WHOLE = LAYOUTS
TOOLS = ("fomm-rt", "onnx", "onnxruntime", "numpy")

Report = Callable[[str, float], None]
"""Called with what is being done and how much of it is, from 0 to 1; from any thread."""
Built = Callable[[str, BuiltEngine], None]
"""Called with the name of every engine and what was built."""

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class BuildOptions:
    """What to build.

    Attributes:
        flavour: One of `FLAVOURS`.
        precision: One of `engines.manifest.ENGINE_PRECISIONS`; see `fomm_build.precision`.
        layout: "split", trunks for this project's runtime; "whole", graphs for any other program.
        max_batch: The largest batch, from 1.
        targets: Compute capabilities, ("sm_89",), with TensorRT-RTX; that of the GPU at hand by default.
        rebuild: Build even if the store has these engines.
        onnx_folder: Where to write the graphs that engines are built of, NAME.onnx, for people to look at; nowhere by
            default.

    Raises:
        ValueError: One of these is not as described.
    """

    flavour: str
    precision: str = FP16
    layout: str = SPLIT
    max_batch: int = 1
    targets: tuple[str, ...] = ()
    rebuild: bool = False
    onnx_folder: Path | None = None

    def __post_init__(self) -> None:
        for value, choices in (
            (self.flavour, FLAVOURS),
            (self.precision, ENGINE_PRECISIONS),
            (self.layout, LAYOUTS),
        ):
            if value not in choices:
                raise ValueError(f"expected one of {', '.join(choices)}; got {value!r}")
        if self.max_batch < 1:
            raise ValueError(f"expected max_batch from 1; got {self.max_batch}")


def build_engines(
    model: ModelFolder,
    options: BuildOptions,
    store: EngineStore,
    report: Report = lambda _what, _fraction: None,
    built: Built = lambda _name, _engine: None,
) -> EngineFolder:
    """Builds a model's engines, unless the store has them.

    Args:
        model: What to build.
        options: How.
        store: Where to put them.
        report: Told what is going on.
        built: Told of every engine; not called for those that the store has.

    Raises:
        BackendError: The flavour is not installed, does not build what was asked for, or there is no GPU to build for.
        EngineError: TensorRT cannot build an engine, an engine does not reproduce the model, or they cannot be kept.
        ModelError: The model cannot be cut; export it again.
        OutputError: The graphs cannot be written.
    """
    library = tensorrt_library.load(options.flavour)
    gpu = nvidia_driver.gpu()
    with_plugin = options.layout == WHOLE and _takes_plugin(library, options.precision)
    spec = _spec(model, options, library, gpu, with_plugin)
    if options.onnx_folder is not None:
        _write(_graphs(model, cut_trunks(model), options, with_plugin), options.onnx_folder)
    with store.building(spec, on_wait=lambda text: report(text, 0.0)) as staged:
        # Whoever had to wait for another builder has what it just built, asked for or not.
        if staged.existing is not None and (staged.waited or not options.rebuild):
            return staged.existing
        start = perf_counter()
        trunks = cut_trunks(model)
        graphs = _graphs(model, trunks, options, with_plugin)
        device = Device(spec.capabilities if library.builds_without_gpu else (), spec.gpu, store.folder)
        engines: dict[str, BuiltEngine] = {}
        files: dict[str, EngineFile] = {}
        for name, graph in graphs.items():
            tell = partial(report, f"building {name}")
            tell(0.0)
            engines[name] = build_engine(
                library, name, graph.model, spec.max_batch, device, tell, for_runtime=options.layout == SPLIT
            )
            files[name] = _add(staged, name, engines[name])
            built(name, engines[name])
        manifest = EngineManifest(
            spec=spec,
            model_name=model.manifest.name,
            driver=None if gpu is None else gpu.driver,
            built=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            build_s=perf_counter() - start,
            engines=files,
            parity=None,
            tools={"python": platform.python_version(), **installed_versions(TOOLS)},
        )
        if gpu is not None and gpu.architecture in spec.capabilities:
            from fomm_build.parity.gpu_engines import check_on_gpu

            report("comparing with ONNX Runtime", 0.0)
            exact = trunks if options.layout == SPLIT else portable_graphs(model)
            again = partial(_build_again, library, device)
            parity = check_on_gpu(model, library, gpu, manifest, engines, graphs, exact, again)
            manifest = replace(manifest, parity=parity, build_s=perf_counter() - start)
        return staged.publish(manifest)


def build_for_runtime(
    model: ModelFolder, flavour: str, precision: str, layout: str, max_batch: int, store: EngineStore
) -> EngineFolder:
    """What the runtime calls for engines that are missing (entry point group "fomm_rt.engine_builder").

    Raises:
        FommError: See `build_engines`.
    """
    return build_engines(model, BuildOptions(flavour, precision, layout, max_batch), store)


def _spec(
    model: ModelFolder, options: BuildOptions, library: TensorRT, gpu: Gpu | None, with_plugin: bool
) -> EngineSpec:
    check_targets(library, options.targets)
    if options.targets:
        capabilities = tuple(dict.fromkeys(options.targets))
    elif gpu is not None:
        capabilities = (gpu.architecture,)
        if library.builds_without_gpu:
            check_targets(library, capabilities)
    elif library.builds_without_gpu:
        raise BackendError(
            "there is no GPU here to build engines for; say which one they are for, as in: fomm-rt build "
            f"--backend {TENSORRT_RTX} --target sm_89"
        )
    else:
        raise BackendError(
            f"{library.describe()} builds engines on the GPU that runs them, and there is none here; build on that "
            f"machine, or for a GeForce RTX or RTX PRO card with: fomm-rt build --backend {TENSORRT_RTX} --target sm_89"
        )
    return EngineSpec(
        model_sha256=model_hash(model.manifest),
        flavour=library.flavour,
        library_version=library.version,
        capabilities=capabilities,
        # TensorRT-RTX builds for capabilities and asks no GPU.
        gpu=None if gpu is None or library.builds_without_gpu else gpu.name,
        precision=options.precision,
        layout=options.layout,
        max_batch=options.max_batch,
        # Of trunks, whose tensors they read and write; of whole graphs, what lies in them.
        kernels_sha256=source_hash(KERNELS if options.layout == SPLIT else PLUGIN_KERNELS if with_plugin else ()),
    )


def _build_again(library: TensorRT, device: Device, name: str, graph: onnx.ModelProto) -> BuiltEngine:
    return build_engine(library, name, graph, 1, device, lambda _: None)


def _graphs(
    model: ModelFolder, trunks: Mapping[str, onnx.ModelProto], options: BuildOptions, with_plugin: bool
) -> Mapping[str, HalfGraph]:
    if options.layout == SPLIT:
        graphs = trunks_in(options.precision, trunks)
    else:
        graphs = whole_graphs(model, trunks, options.precision, with_plugin)
    for name, graph in graphs.items():
        for weight, reason in graph.kept.items():
            _log.warning("%s: a layer of the %s computes in float32, as %s %s", model.path, name, weight, reason)
    return graphs


def _write(graphs: Mapping[str, HalfGraph], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, graph in graphs.items():
            onnx.save_model(graph.model, str(folder / f"{name}.onnx"))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error


def _takes_plugin(library: TensorRT, precision: str) -> bool:
    """Whether engines hold the project's plugin, which is registered then."""
    if precision == FP32 or not library.has_plugins:
        return False
    try:
        plugin.register()
    except KernelError as error:
        _log.warning("the warp of whole engines will be float32 GridSample: %s", error)
        return False
    return True


def _add(staged: EngineStaging, name: str, engine: BuiltEngine) -> EngineFile:
    return staged.add(
        name,
        engine.content,
        onnx_sha256=engine.onnx_sha256,
        build_s=engine.build_s,
        inputs=engine.inputs,
        outputs=engine.outputs,
    )
