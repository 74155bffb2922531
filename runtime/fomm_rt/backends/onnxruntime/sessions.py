"""ONNX Runtime's sessions: which graphs a backend takes, and whether what was opened is what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fomm_rt.errors import BackendError, ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import CPU, CPU_INT8, NETWORKS

if TYPE_CHECKING:
    import onnxruntime

ONNXRUNTIME_CUDA, ONNXRUNTIME_CPU = "onnxruntime-cuda", "onnxruntime-cpu"

PROVIDERS = {ONNXRUNTIME_CUDA: "CUDAExecutionProvider", ONNXRUNTIME_CPU: "CPUExecutionProvider"}
"""Backend -> what ONNX Runtime calls the part of it that runs networks there."""

VARIANTS = {
    (ONNXRUNTIME_CUDA, "fp32"): (),
    (ONNXRUNTIME_CPU, "fp32"): (CPU,),
    (ONNXRUNTIME_CPU, "int8"): (CPU_INT8, CPU),
}
"""Backend and precision -> which variants of a network to look for, best first."""


def open_networks(
    name: str, model: ModelFolder, precision: str, threads: int | None, captured: Collection[str] = ()
) -> dict[str, onnxruntime.InferenceSession]:
    """Opens a model's networks, which then take and give what its manifest says.

    Args:
        name: A key of PROVIDERS.
        model: What to run.
        precision: Of the backend's in VARIANTS.
        threads: CPU threads within a network; ONNX Runtime's choice by default.
        captured: Networks to be captured as CUDA graphs when they first run.

    Raises:
        BackendError: ONNX Runtime cannot load a network, or falls back to another provider than asked for.
        ModelError: A network takes or gives other tensors than the manifest says.
    """
    variants = VARIANTS[name, precision]
    sessions = {n: open_session(name, model.network_path(n, variants), threads, n in captured) for n in NETWORKS}
    for network, session in sessions.items():
        _check_tensors(model, network, variants, session)
    _check_features(model, variants)
    return sessions


def open_session(name: str, path: Path, threads: int | None, captures: bool = False) -> onnxruntime.InferenceSession:
    """Opens one network; see `open_networks`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warnings about node placement are noise to a user
    # Every session has a pool of its own; one that spins after its network takes the cores from the next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    provider = PROVIDERS[name]
    settings = {}
    if name == ONNXRUNTIME_CUDA:
        # TF32 would round the convolutions' inputs to 10 bits, beyond what the parity check allows.
        settings = {"use_tf32": "0", **({"enable_cuda_graph": "1"} if captures else {})}
    try:
        session = onnxruntime.InferenceSession(_utf8(path), options, providers=[(provider, settings)])
    except UnicodeEncodeError as error:
        raise BackendError(f"{str(path)!a}: this path is not valid UTF-8; rename the folder") from error
    except Exception as error:  # onnxruntime raises a dozen types that share no base
        if captures:
            raise BackendError(f"ONNX Runtime cannot capture {path.name}: {_first_line(error)}") from error
        raise BackendError(
            f"{path}: ONNX Runtime cannot load this network ({_first_line(error)}); export the model again"
        ) from error
    # Asked for CUDA on a machine without it, ONNX Runtime silently takes the CPU.
    if session.get_providers()[0] != provider:
        raise BackendError(
            f"ONNX Runtime did not start its {provider} (the driver finds no device, or CUDA or cuDNN "
            f"libraries are missing or too old); it would run on {session.get_providers()[0]}"
        )
    return session


def run_session(session: onnxruntime.InferenceSession, values: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a session on those of the arrays that it takes; returns all of its outputs by name."""
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {spec.name: values[spec.name] for spec in session.get_inputs()})
    return dict(zip(names, outputs, strict=True))


@contextmanager
def session_errors(doing: str) -> Iterator[None]:
    """What ONNX Runtime raises becomes a BackendError that says what was being done."""
    try:
        yield
    except Exception as error:
        raise BackendError(f"ONNX Runtime failed {doing}: {_first_line(error)}") from error


def _utf8(path: Path) -> str:
    str(path).encode()
    return str(path)


def _check_tensors(
    model: ModelFolder, network: str, variants: tuple[str, ...], session: onnxruntime.InferenceSession
) -> None:
    """Makes sure that a network takes and gives what the manifest says."""
    entry = model.manifest.network(network, variants)
    for specs, found in ((entry.inputs, session.get_inputs()), (entry.outputs, session.get_outputs())):
        if [(spec.name, *spec.shape) for spec in specs] != [(tensor.name, *tensor.shape) for tensor in found]:
            raise ModelError(
                f"{model.network_path(network, variants)}: takes or gives other tensors than model.json says; "
                "export the model again"
            )


def _check_features(model: ModelFolder, variants: tuple[str, ...]) -> None:
    """Makes sure that the generator takes features as the encoder gives them; variants shape them differently."""
    encoder, generator = (model.manifest.network(name, variants) for name in ("source_encoder", "generator"))
    given = next(spec.shape for spec in encoder.outputs if spec.name == "source_features")
    taken = next(spec.shape for spec in generator.inputs if spec.name == "source_features")
    if given != taken:
        raise ModelError(
            f"{model.path}: {encoder.file} gives source_features of shape {given}, {generator.file} takes {taken}; "
            "export the model again"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
