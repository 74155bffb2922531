"""One ONNX graph to one engine, with either flavour of TensorRT.

Executed: TensorRT-RTX, for named compute capabilities, without a GPU. Not executed so far: TensorRT 8.6, 10 and 11.
"""

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
from fomm_rt.backends.tensorrt.layout import HWC8, LINEAR
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import EngineTensor
from fomm_rt.errors import EngineError

TACTIC_SOURCES = ("EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")
"""Where an engine's kernels may come from; cuBLAS and cuDNN, which are libraries of their own, are left out."""

BATCH = "batch"
"""Stands for a free one in an engine's shapes."""


@dataclass(frozen=True)
class Device:
    """What engines are built for and where.

    Attributes:
        targets: Compute capabilities, ("sm_89",); empty for the GPU at hand.
        gpu: Name of the GPU at hand; None without one.
        cache: Folder for what TensorRT measures.
    """

    targets: tuple[str, ...]
    gpu: str | None
    cache: Path


@dataclass(frozen=True)
class BuiltEngine:
    """An engine and what is known of it.

    Attributes:
        content: The serialized engine.
        onnx_sha256: Of the graph it was built from, hexadecimal.
        build_s: Seconds that it took.
        inputs, outputs: In order.
        network: The layers of the network as it was parsed.
        layers: Those of the engine, for each of its profiles, where TensorRT tells without a GPU; else empty.
    """

    content: bytes
    onnx_sha256: str
    build_s: float
    inputs: tuple[EngineTensor, ...]
    outputs: tuple[EngineTensor, ...]
    network: tuple[Layer, ...]
    layers: tuple[Layer, ...]


def build_engine(
    library: TensorRT,
    name: str,
    model: onnx.ModelProto,
    max_batch: int,
    device: Device,
    report: Fraction,
    *,
    for_runtime: bool = True,
) -> BuiltEngine:
    """Builds an engine whose precision is that of the graph's types, everywhere.

    float32 convolutions are float32 and not TF32. Half tensors of at least 8 channels that it takes or gives lie
    channels last, padded to a multiple of 8, as its kernels want them; all others are linear.

    Args:
        library: To build with.
        name: Of the engine, for messages.
        model: (batch, ...) inputs.
        max_batch: For batches from 1 to this: one frame has an optimization profile of its own, the first, and the
            second is optimized for the largest batch. With 1 the batch is no longer free.
        device: What to build for.
        report: Told how much is done.
        for_runtime: Whether the project's runtime is to run it, which gives it memory and captures it, see
            `engine_contexts`; other programs need not know of either.

    Raises:
        EngineError: TensorRT does not take the graph, or cannot build the engine.
        KeyboardInterrupt: Or whatever else interrupted it; the build is stopped.
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
            f"{name}: {library.describe()} does not take this graph: {_parse_errors(parser) or logger.last_error}. "
            "Export the model again; if that does not help, report it with this message"
        )
    config = builder.create_builder_config()
    # Where it has half's mantissa, it would lose what float32 is kept for.
    config.clear_flag(trt.BuilderFlag.TF32)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.set_tactic_sources(sum(1 << int(getattr(trt.TacticSource, source)) for source in TACTIC_SOURCES))
    if library.builds_without_gpu:
        set_targets(library, config, device.targets)
    if for_runtime and library.leaves_memory_to_user:
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    if not library.strongly_typed:
        _constrain_types(trt, network, config, float_types(model))
        # The runtime has a context for each of its buffers, and 8.6 has one for a profile unless told so.
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
    with timing_cache(library, config, device.cache, device.gpu):
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
        # Before TensorRT 10 an error knows its node by number only.
        node = (
            f"{error.node_operator()} ({error.node_name()})" if hasattr(error, "node_name") else f"node {error.node()}"
        )
        errors.append(f"{node}: {error.desc().strip()}")
    return "; ".join(errors)


def _interface(network: Any) -> tuple[list[Any], list[Any]]:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    return inputs, [network.get_output(index) for index in range(network.num_outputs)]


def _lay_out(trt: Any, tensor: Any, batch: int | str) -> EngineTensor:
    """Fixes how an input or output lies in memory, so that the manifest can say it."""
    shape = tuple(tensor.shape)
    channels_last = tensor.dtype == trt.float16 and len(shape) == 4 and shape[1] >= 8
    layout = trt.TensorFormat.HWC8 if channels_last else trt.TensorFormat.LINEAR
    tensor.allowed_formats = 1 << int(layout)
    dtype = "float16" if tensor.dtype == trt.float16 else "float32"
    return EngineTensor(tensor.name, dtype, (batch, *shape[1:]), HWC8 if channels_last else LINEAR)


def _set_batches(builder: Any, config: Any, inputs: Sequence[Any], max_batch: int) -> None:
    """A frame on its own is what latency is about: batches must not cost it anything."""
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
    """Has TensorRT 8.6, which chooses types itself, keep to those of the ONNX graph.

    What its network says of inner tensors' types while it is made is not to be relied on (NVIDIA/TensorRT#1993).

    Args:
        trt: The module.
        network: As parsed; tensors have the names they have in the graph.
        config: To build with.
        types: Tensor name to `half_graph.HALF` or FLOAT.
    """
    kinds = {HALF: trt.float16, FLOAT: trt.float32}
    wanted = {name: kinds[kind] for name, kind in types.items()}
    if HALF in types.values():
        config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        given = [layer.get_output(output) for output in range(layer.num_outputs)]
        if layer.type == trt.LayerType.CONSTANT or any(tensor.dtype not in kinds.values() for tensor in given):
            continue
        # A layer that the parser added between two of the graph gives what it takes.
        taken = [layer.get_input(number) for number in range(layer.num_inputs)]
        names = [tensor.name for tensor in (*given, *taken) if tensor is not None and tensor.name in wanted]
        if not names:
            continue
        kind = wanted[names[0]]
        if layer.type != trt.LayerType.CAST:
            layer.precision = kind
        for output, tensor in enumerate(given):
            layer.set_output_type(output, wanted.setdefault(tensor.name, kind))
