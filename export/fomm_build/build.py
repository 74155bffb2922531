"""Builds a model's engines, compares them with the model where there is a GPU, and publishes them."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from time import perf_counter

import onnx

from fomm_build.builder import BuildTarget, BuiltEngine, build_engine
from fomm_build.half_graph import HalfGraph
from fomm_build.precision import FP16, FP32, trunks_in
from fomm_build.targets import check_targets
from fomm_build.trunks import cut_trunks
from fomm_build.whole_graphs import portable_graphs, whole_graphs
from fomm_kernels import KERNELS, KernelError, plugin
from fomm_kernels.launching import PLUGIN_KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt.backends.tensorrt.library import TensorRT, load_tensorrt
from fomm_rt.engines.building import EnginePlace
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import FLAVOURS, LAYOUTS, TENSORRT_RTX, EngineManifest, EngineSpec, model_hash
from fomm_rt.engines.store import EngineStore, default_folder
from fomm_rt.engines.whole_folder import WholeFolder
from fomm_rt.errors import BackendError, OutputError
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import refuse_foreign_links
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.machine.packages import installed_versions
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.precision import ENGINE_PRECISIONS

SPLIT, WHOLE = LAYOUTS
TOOLS = ("fomm-rt", "onnx", "onnxruntime", "numpy")

Report = Callable[[str, float], None]
"""Called with the current step and its progress from 0 to 1, from any thread."""

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class BuildOptions:
    """What to build.

    Attributes:
        flavour: One of `FLAVOURS`.
        precision: One of `ENGINE_PRECISIONS`; see `fomm_build.precision`.
        layout: "split": trunks for this project's runtime; "whole": complete networks for other programs.
        max_batch: Largest batch size, from 1.
        targets: Compute capabilities, ("sm_89",), with TensorRT-RTX; that of this machine's GPU by default.
        rebuild: Build even if these engines exist.
        onnx_folder: Where to write the graphs that engines are built from, as NAME.onnx; not written by default.

    Raises:
        ValueError: An option is not as described.
    """

    flavour: str
    precision: str = FP16
    layout: str = SPLIT
    max_batch: int = 1
    targets: tuple[str, ...] = ()
    rebuild: bool = False
    onnx_folder: Path | None = None

    def __post_init__(self) -> None:
        for value, choices in ((self.flavour, FLAVOURS), (self.precision, ENGINE_PRECISIONS), (self.layout, LAYOUTS)):
            if value not in choices:
                raise ValueError(f"expected one of {', '.join(choices)}; got {value!r}")
        if self.max_batch < 1:
            raise ValueError(f"expected max_batch from 1; got {self.max_batch}")


@dataclass(frozen=True)
class BuildResult:
    """A set of engines.

    Attributes:
        engines: The published set.
        built: The engines by name; empty if the set existed and nothing was built.
    """

    engines: EngineSet
    built: Mapping[str, BuiltEngine] = field(default_factory=dict)


def build_engines(
    model: ModelFolder,
    options: BuildOptions,
    place: EnginePlace,
    report: Report = lambda _step, _fraction: None,
    overwrite: Overwrite = True,
) -> BuildResult:
    """Builds a model's engines, unless they exist.

    Args:
        model: The model.
        options: What to build.
        place: An `EngineStore` for split engines, a `WholeFolder` for whole ones.
        report: Called with the progress.
        overwrite: How to treat whole engines of another set, and graphs, in the same place.

    Raises:
        BackendError: The flavour is not installed, does not build what was asked for, or there is no GPU to build for.
        EngineError: TensorRT cannot build an engine, an engine does not reproduce the model, or they cannot be kept.
        ModelError: The model cannot be cut; export it again.
        OutputError: The graphs cannot be written, or results exist that may not be overwritten.
    """
    library = load_tensorrt(options.flavour)
    gpu = nvidia_driver.gpu()
    with_plugin = options.layout == WHOLE and _takes_plugin(library, options.precision)
    spec = _spec(model, options, library, gpu, with_plugin)
    if options.onnx_folder is not None:
        _write(_graphs(model, cut_trunks(model), options, with_plugin), options.onnx_folder, overwrite)
    with place.building(spec, on_wait=lambda text: report(text, 0.0)) as pending:
        # After waiting for another builder its result is fresh, so even rebuild is satisfied.
        if pending.existing is not None and (pending.waited or not options.rebuild):
            return BuildResult(pending.existing)
        if pending.existing is None:
            check_overwrite(place.occupied(), overwrite)
        start = perf_counter()
        trunks = cut_trunks(model)
        graphs = _graphs(model, trunks, options, with_plugin)
        # Without a GPU nothing is measured; a folder of whole engines is a product, without a cache.
        cache = place.folder if options.layout == SPLIT or spec.gpu is None else default_folder()
        target = BuildTarget(spec.capabilities if library.builds_without_gpu else (), spec.gpu, cache)
        built = _build_all(library, graphs, spec, target, report)
        manifest = EngineManifest(
            spec=spec,
            model_name=model.manifest.name,
            driver=None if gpu is None else gpu.driver,
            built=datetime.now(timezone.utc).replace(microsecond=0),
            build_s=perf_counter() - start,
            engines={name: engine.entry for name, engine in built.items()},
            parity=None,
            tools={"python": platform.python_version(), **installed_versions(TOOLS)},
        )
        if gpu is not None and gpu.architecture in spec.capabilities:
            from fomm_build.parity.gpu_engines import check_on_gpu

            report("comparing with ONNX Runtime", 0.0)
            exact = trunks if options.layout == SPLIT else portable_graphs(model)

            def build_again(name: str, graph: onnx.ModelProto) -> BuiltEngine:
                return build_engine(library, name, graph, 1, target, lambda _: None)

            parity = check_on_gpu(model, library, gpu, manifest, built, graphs, exact, build_again)
            manifest = replace(manifest, parity=parity, build_s=perf_counter() - start)
        published = pending.publish(manifest, {name: engine.content for name, engine in built.items()})
        return BuildResult(published, built)


def build_whole_engines(
    model: ModelFolder,
    options: BuildOptions,
    folder: Path,
    report: Report = lambda _step, _fraction: None,
    overwrite: Overwrite = True,
) -> list[BuildResult]:
    """Builds whole engines into a folder, or for several targets each into its own, such as FOLDER/sm_89.

    Raises:
        FommError: See `build_engines`.
    """
    if len(options.targets) < 2:
        return [build_engines(model, options, WholeFolder(folder), report, overwrite)]
    check_targets(load_tensorrt(options.flavour), options.targets)
    return [
        build_engines(model, replace(options, targets=(target,)), WholeFolder(folder / target), report, overwrite)
        for target in dict.fromkeys(options.targets)
    ]


def build_for_runtime(
    model: ModelFolder, flavour: str, precision: str, layout: str, max_batch: int, store: EngineStore
) -> EngineSet:
    """Builds missing engines when the runtime asks for it (entry point group "fomm_rt.engine_builder").

    Raises:
        FommError: See `build_engines`.
    """
    return build_engines(model, BuildOptions(flavour, precision, layout, max_batch), store).engines


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
            "there is no GPU here to build engines for; name one, as in: fomm-rt build "
            f"--backend {TENSORRT_RTX} --target 8.9"
        )
    else:
        raise BackendError(
            f"{library.describe()} builds engines on the GPU that runs them, and there is none here; build on that "
            f"machine, or for a GeForce RTX or RTX PRO card with: fomm-rt build --backend {TENSORRT_RTX} --target 8.9"
        )
    if options.layout == SPLIT:
        kernels: tuple[str, ...] = KERNELS  # they read and write the trunks' tensors
    else:
        kernels = PLUGIN_KERNELS if with_plugin else ()  # they are inside the engines
    return EngineSpec(
        model_sha256=model_hash(model.manifest),
        flavour=library.flavour,
        library_version=library.version,
        capabilities=capabilities,
        # TensorRT-RTX builds for capabilities, whatever GPU is here.
        gpu=None if gpu is None or library.builds_without_gpu else gpu.name,
        precision=options.precision,
        layout=options.layout,
        max_batch=options.max_batch,
        kernels_sha256=source_hash(kernels),
    )


def _build_all(
    library: TensorRT, graphs: Mapping[str, HalfGraph], spec: EngineSpec, target: BuildTarget, report: Report
) -> dict[str, BuiltEngine]:
    built: dict[str, BuiltEngine] = {}
    for name, graph in graphs.items():
        tell = partial(report, f"building {name}")
        tell(0.0)
        built[name] = build_engine(
            library, name, graph.model, spec.max_batch, target, tell, for_runtime=spec.layout == SPLIT
        )
    return built


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


def _write(graphs: Mapping[str, HalfGraph], folder: Path, overwrite: Overwrite) -> None:
    files = {name: folder / f"{name}.onnx" for name in graphs}
    check_overwrite([file for file in files.values() if file.exists()], overwrite)
    try:
        for file in files.values():
            refuse_foreign_links(file)
        folder.mkdir(parents=True, exist_ok=True)
        for name, graph in graphs.items():
            onnx.save_model(graph.model, str(files[name]))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error


def _takes_plugin(library: TensorRT, precision: str) -> bool:
    """True if engines contain the project's plugin, which this registers."""
    if precision == FP32 or not library.has_plugins:
        return False
    try:
        plugin.register()
    except KernelError as error:
        _log.warning("the warp of whole engines will be float32 GridSample: %s", error)
        return False
    return True
