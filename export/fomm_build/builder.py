"""Builds one engine from one ONNX graph, with either flavour of TensorRT."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

import onnx

from fomm_build.engine_layers import Layer, built_layers, network_layers, recording_logger
from fomm_build.half_graph import FLOAT, HALF, float_types
from fomm_build.progress import Fraction, cancellable, monitor
from fomm_build.targets import set_targets
from fomm_build.timing_cache import timing_cache
from fomm_rt.backends.tensorrt.engine_memory import HWC8, LINEAR
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import EngineEntry, EngineTensor
from fomm_rt.errors import EngineError

TACTIC_SOURCES = ("EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")
"""Sources of an engine's kernels; cuBLAS and cuDNN, which are separate libraries, are left out."""

BATCH = "batch"
"""Name of a free batch in an engine's shapes."""


@dataclass(frozen=True)
class BuildTarget:
    """The GPU that engines are built for.

    Attributes:
        capabilities: Compute capabilities, ("sm_89",); empty for the GPU of this machine.
        gpu: Name of the GPU that engines are built on; None if they are built without one.
        cache: Folder of the timing cache.
    """

    capabilities: tuple[str, ...]
    gpu: str | None
    cache: Path


@dataclass(frozen=True)
class BuiltEngine:
    """An engine that was just built.

    Attributes:
        content: The serialized engine.
        onnx_sha256: Of the graph that it was built from, hexadecimal.
        build_s: Build time in seconds.
        inputs, outputs: In order.
        network: Layers of the parsed network.
        layers: Layers of the engine, for each of its profiles, if TensorRT lists them without a GPU; else empty.
    """

    content: bytes
    onnx_sha256: str
    build_s: float
    inputs: tuple[EngineTensor, ...]
    outputs: tuple[EngineTensor, ...]
    network: tuple[Layer, ...]
    layers: tuple[Layer, ...]

    @property
    def entry(self) -> EngineEntry:
        """The engine as a manifest lists it."""
        sha256 = hashlib.sha256(self.content).hexdigest()
        return EngineEntry(sha256, len(self.content), self.onnx_sha256, self.build_s, self.inputs, self.outputs)


def build_engine(
    library: TensorRT,
    name: str,
    model: onnx.ModelProto,
    max_batch: int,
    target: BuildTarget,
    report: Fraction,
    *,
    for_runtime: bool = True,
) -> BuiltEngine:
    """Builds an engine that computes in the types of the graph.

    float32 convolutions are not TF32. Half inputs and outputs with at least 8 channels are channels last, padded to a
    multiple of 8, as the engine's own kernels prefer; all others are linear.

    Args:
        library: TensorRT.
        name: Of the engine, for messages.
        model: Graph whose inputs are (batch, ...).
        max_batch: Largest batch. With 1 the batch is fixed. Otherwise the first optimization profile is for single
            frames, and the second for batches from 1 to `max_batch`, optimized for the largest.
        target: What to build for.
        report: Called with the progress.
        for_runtime: True if the project's runtime executes the engine: it then allocates nothing while it runs.

    Raises:
        EngineError: TensorRT rejects the graph, or cannot build the engine.
        KeyboardInterrupt: As any other exception that interrupts the build, which is stopped.
    """
    trt = library.module
    content = model.SerializeToString()
    logger = recording_logger(library)
    builder = trt.Builder(logger)
    creation = trt.NetworkDefinitionCreationFlag
    flag = creation.STRONGLY_TYPED if library.strongly_typed else creation.EXPLICIT_BATCH
    network = builder.create_network(1 << int(flag))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        raise EngineError(
            f"{name}: {library.describe()} rejects this graph: {_parse_errors(parser) or logger.last_error}. "
            "Export the model again; if that does not help, report it with this message"
        )
    config = builder.create_builder_config()
    # TF32 has the mantissa of half, which would defeat the float32 islands.
    config.clear_flag(trt.BuilderFlag.TF32)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.set_tactic_sources(sum(1 << int(getattr(trt.TacticSource, source)) for source in TACTIC_SOURCES))
    if library.builds_without_gpu:
        set_targets(library, config, target.capabilities)
    if for_runtime and library.can_forbid_allocation:
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    if not library.strongly_typed:
        _constrain_types(trt, network, config, float_types(model))
        # The runtime has a context for each input buffer; by default 8.6 allows one context for each profile.
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)
    inputs, outputs = _interface(network)
    _set_batches(builder, config, inputs, max_batch)
    tensors = [_lay_out(trt, tensor, 1 if max_batch == 1 else BATCH) for tensor in (*inputs, *outputs)]
    layers = tuple(network_layers(network))
    cancelled = Event()
    watch = monitor(library, report, cancelled)
    if watch is not None:
        config.progress_monitor = watch
    start = perf_counter()
    with timing_cache(library, config, target.cache, target.gpu):
        built = cancellable(lambda: builder.build_serialized_network(network, config), cancelled)
        if watch is not None and watch.failure is not None:
            raise watch.failure
        if built is None:
            reason = logger.last_error or "TensorRT does not say why"
            raise EngineError(f"{name}: {library.describe()} could not build the engine: {reason}")
    build_s = perf_counter() - start
    report(1.0)
    return BuiltEngine(
        bytes(built),
        hashlib.sha256(content).hexdigest(),
        build_s,
        tuple(tensors[: len(inputs)]),
        tuple(tensors[len(inputs) :]),
        layers,
        tuple(built_layers(logger)),
    )


def _parse_errors(parser: Any) -> str:
    errors = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        # Before TensorRT 10 an error has only the number of its node.
        node = (
            f"{error.node_operator()} ({error.node_name()})" if hasattr(error, "node_name") else f"node {error.node()}"
        )
        errors.append(f"{node}: {error.desc().strip()}")
    return "; ".join(errors)


def _interface(network: Any) -> tuple[list[Any], list[Any]]:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    return inputs, [network.get_output(index) for index in range(network.num_outputs)]


def _lay_out(trt: Any, tensor: Any, batch: int | str) -> EngineTensor:
    """Fixes the memory layout of an input or output, so the manifest can state it."""
    shape = tuple(tensor.shape)
    channels_last = tensor.dtype == trt.float16 and len(shape) == 4 and shape[1] >= 8
    layout = trt.TensorFormat.HWC8 if channels_last else trt.TensorFormat.LINEAR
    tensor.allowed_formats = 1 << int(layout)
    dtype = "float16" if tensor.dtype == trt.float16 else "float32"
    return EngineTensor(tensor.name, dtype, (batch, *shape[1:]), HWC8 if channels_last else LINEAR)


def _set_batches(builder: Any, config: Any, inputs: Sequence[Any], max_batch: int) -> None:
    """Adds the optimization profiles. Single frames have their own, so batches cost no latency."""
    if max_batch == 1:
        for tensor in inputs:
            tensor.shape = (1, *tuple(tensor.shape)[1:])
    for least, most in ((1, 1), (1, max_batch))[: min(max_batch, 2)]:
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            shape = tuple(tensor.shape)[1:]
            profile.set_shape(tensor.name, (least, *shape), (most, *shape), (most, *shape))
        config.add_optimization_profile(profile)


def _constrain_types(trt: Any, network: Any, config: Any, types: Mapping[str, int]) -> None:
    """Makes TensorRT 8.6, which chooses types itself, keep those of the ONNX graph.

    The types that its network reports for inner tensors are unreliable (NVIDIA/TensorRT#1993).

    Args:
        trt: The module.
        network: The parsed network; its tensors have the same names as in the graph.
        config: The builder configuration to change.
        types: Tensor name -> `half_graph.HALF` or `FLOAT`.
    """
    kinds = {HALF: trt.float16, FLOAT: trt.float32}
    expected = {name: kinds[kind] for name, kind in types.items()}
    if HALF in types.values():
        config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        outputs = [layer.get_output(i) for i in range(layer.num_outputs)]
        if layer.type == trt.LayerType.CONSTANT or any(tensor.dtype not in kinds.values() for tensor in outputs):
            continue
        # A layer that the parser inserted has no named outputs; it keeps the type of its inputs.
        inputs = [layer.get_input(i) for i in range(layer.num_inputs)]
        names = [tensor.name for tensor in (*outputs, *inputs) if tensor is not None and tensor.name in expected]
        if not names:
            continue
        kind = expected[names[0]]
        if layer.type != trt.LayerType.CAST:
            layer.precision = kind
        for i, tensor in enumerate(outputs):
            layer.set_output_type(i, expected.setdefault(tensor.name, kind))
