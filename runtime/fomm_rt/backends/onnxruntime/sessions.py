"""ONNX Runtime sessions: which graphs a backend opens, and checks that ONNX Runtime opened what was asked for."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fomm_rt.errors import BackendError, ModelError, first_line
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import CPU, CPU_INT8, NETWORKS

if TYPE_CHECKING:
    from fomm_rt.machine.onnx_runtime import onnxruntime

_log = logging.getLogger(__name__)

ONNXRUNTIME_CUDA, ONNXRUNTIME_CPU = "onnxruntime-cuda", "onnxruntime-cpu"

PROVIDERS = {ONNXRUNTIME_CUDA: "CUDAExecutionProvider", ONNXRUNTIME_CPU: "CPUExecutionProvider"}
"""Backend -> the execution provider of ONNX Runtime."""

VARIANTS = {
    (ONNXRUNTIME_CUDA, "fp32"): (),
    (ONNXRUNTIME_CPU, "fp32"): (CPU,),
    (ONNXRUNTIME_CPU, "int8"): (CPU_INT8, CPU),
}
"""(backend, precision) -> variants of a network to look for, best first."""


def open_networks(
    name: str, model: ModelFolder, precision: str, threads: int | None, captured: Collection[str] = ()
) -> dict[str, onnxruntime.InferenceSession]:
    """Opens a model's networks.

    Args:
        name, precision: A key of VARIANTS.
        threads: CPU threads within a network; ONNX Runtime chooses by default.
        captured: Networks to capture as CUDA graphs when they first run.

    Raises:
        BackendError: ONNX Runtime cannot load a network, or falls back to another provider than asked for.
        ModelError: A file is damaged, differs from the manifest or may not be loaded; see `ModelFolder.read`.
    """
    variants = VARIANTS[name, precision]
    sessions = {
        # The bytes of one network are freed before the next one is read.
        n: open_session(name, model.read(n, variants), str(model.network_path(n, variants)), threads, n in captured)
        for n in NETWORKS
    }
    _check_features(model, variants)
    return sessions


def open_session(
    name: str, content: bytes, file: str, threads: int | None, captures: bool = False
) -> onnxruntime.InferenceSession:
    """Opens one network; see `open_networks`.

    Args:
        name: A key of PROVIDERS.
        content: The ONNX file. ONNX Runtime gets no path: versions before 1.24 read any file that the content names.
        file: Its path, for messages.
        threads, captures: As for `open_networks`.
    """
    from fomm_rt.machine.onnx_runtime import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # hides warnings about node placement
    # By its content a file may pass for one of ONNX Runtime's own format, which was not checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Every session has its own thread pool; spinning after a run would take the cores from the next network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    provider = PROVIDERS[name]
    settings = {}
    if name == ONNXRUNTIME_CUDA:
        # TF32 rounds the inputs of convolutions to 10 bits, which exceeds the parity tolerances.
        settings = {"use_tf32": "0", **({"enable_cuda_graph": "1"} if captures else {})}
    start = perf_counter()
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[(provider, settings)], enable_fallback=0)
    except Exception as error:  # onnxruntime raises a dozen types without a common base
        if captures:
            raise BackendError(f"ONNX Runtime cannot capture {file}: {first_line(error)}") from error
        raise BackendError(
            f"{file}: ONNX Runtime cannot load this network ({first_line(error)}); export the model again"
        ) from error
    session.disable_fallback()  # older versions do not know the argument
    session._model_bytes = b""  # which it would keep for a fallback to another provider
    # Asked for CUDA on a machine without it, ONNX Runtime silently takes the CPU.
    if session.get_providers()[0] != provider:
        raise BackendError(
            f"ONNX Runtime did not start its {provider} (the driver finds no device, or CUDA or cuDNN "
            f"libraries are missing or too old); it would run on {session.get_providers()[0]}"
        )
    count = "default" if threads is None else threads
    _log.debug("%s runs on %s, %s threads, loaded in %.2f s", file, provider, count, perf_counter() - start)
    return session


def run_options() -> onnxruntime.RunOptions:
    """Options of runs; with `terminate` set, ONNX Runtime ends a run that has begun at its next node."""
    from fomm_rt.machine.onnx_runtime import onnxruntime

    return onnxruntime.RunOptions()


def run_session(
    session: onnxruntime.InferenceSession, values: Mapping[str, Any], options: onnxruntime.RunOptions | None = None
) -> dict[str, Any]:
    """Runs a session on those of the arrays that it takes; returns all of its outputs by name."""
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {spec.name: values[spec.name] for spec in session.get_inputs()}, options)
    return dict(zip(names, outputs, strict=True))


@contextmanager
def session_errors(doing: str) -> Iterator[None]:
    """Raises errors of ONNX Runtime as BackendError; the message says what failed."""
    try:
        yield
    except Exception as error:
        raise BackendError(f"ONNX Runtime failed {doing}: {first_line(error)}") from error


def _check_features(model: ModelFolder, variants: tuple[str, ...]) -> None:
    """Checks that encoder and generator agree on the shapes of features and pixels, which differ between variants."""
    encoder, generator = (model.manifest.network(name, variants) for name in ("source_encoder", "generator"))
    shapes = {spec.name: spec.shape for spec in encoder.outputs}
    for name, taken in ((spec.name, spec.shape) for spec in generator.inputs if spec.name.startswith("source_")):
        given = shapes.get(name)
        if given != taken:
            raise ModelError(
                f"{model.path}: {encoder.file} gives {name} of shape {given}, {generator.file} takes {taken}; "
                "export the model again"
            )
