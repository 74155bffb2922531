"""All contestants by name, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from fomm_bench.contestants.availability import (
    DRIVER,
    Problem,
    first_problem,
    needs_compiler,
    needs_gpu,
    needs_networks,
    needs_package,
)
from fomm_bench.contestants.protocol import Contestant, Entry
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import EXACT, FLOAT32, OF_PRECISION
from fomm_rt.backends.registry import REGISTRY, BackendEntry
from fomm_rt.backends.tensorrt.backend import why_tensorrt_unavailable
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.errors import BenchmarkError
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.manifest import read_manifest

OWN_GRAPHS = ("int8",)
"""Precisions that a model folder has to hold graphs of; engines of others are built from its float32 ones."""

REFERENCES = {
    "cpu": ("pytorch", "onnxruntime", "fomm-rt:onnxruntime-cpu"),
    "cuda": ("pytorch-cuda", "onnxruntime-cuda"),
}
"""By device, what others on it are compared with: the first that can run."""


def entries() -> tuple[Entry, ...]:
    """Every contestant there is, the references first."""
    return (
        _pytorch("pytorch", "PyTorch eager as published", "open_published", "cpu"),
        _pytorch("pytorch-cached", "PyTorch eager, source encoded once", "open_cached", "cpu"),
        _pytorch("pytorch-compile", "torch.compile, source encoded once", "open_compiled", "cpu"),
        _pytorch("pytorch-cuda", "PyTorch eager as published, GPU", "open_published", "cuda"),
        _pytorch(
            "pytorch-cuda-tf32", "PyTorch eager as published, GPU, TF32 as by default", "open_tf32", "cuda", "tf32"
        ),
        _pytorch(
            "pytorch-compile-cuda", "torch.compile, half precision, channels last", "open_compiled", "cuda", "fp16"
        ),
        _onnx_runtime("onnxruntime", "CPUExecutionProvider"),
        _onnx_runtime("onnxruntime-cuda", "CUDAExecutionProvider"),
        Entry(
            "openvino",
            "the exported graphs by OpenVINO",
            "fp32",
            False,
            FLOAT32,
            ("openvino", "numpy"),
            needs_package("openvino"),
            partial(_open, "openvino_cpu", "open_openvino"),
        ),
        *map(_whole_engines, FLAVOURS),
        *(_runtime(backend, precision) for backend in REGISTRY for precision in backend.precisions),
    )


def choose(names: Sequence[str]) -> list[Entry]:
    """Contestants by name, in the registry's order; without names, all.

    Raises:
        BenchmarkError: There is no such contestant.
    """
    known = {entry.name: entry for entry in entries()}
    for name in names:
        if name not in known:
            raise BenchmarkError(f"expected a contestant among {', '.join(known)}; got {name!r}")
    return [entry for name, entry in known.items() if not names or name in names]


def _open(module: str, function: str, model: ModelSpec, **options: str) -> Contestant:
    """Imports a contestant's module only now."""
    opener = getattr(import_module(f"fomm_bench.contestants.{module}"), function)
    contestant: Contestant = opener(model, **options)
    return contestant


def _pytorch(name: str, description: str, function: str, device: str, precision: str = "fp32") -> Entry:
    compiled, on_gpu = function == "open_compiled", device == "cuda"
    checks: list[Problem] = [needs_package("torch"), needs_networks]
    checks += [needs_gpu] if on_gpu else []
    checks += [needs_compiler] if compiled else []
    return Entry(
        name,
        description,
        precision,
        on_gpu,
        FLOAT32 if compiled and not on_gpu else OF_PRECISION[precision],
        ("torch", "numpy"),
        first_problem(*checks),
        partial(_open, "pytorch", function, device=device),
    )


def _onnx_runtime(name: str, provider: str) -> Entry:
    on_gpu = provider.startswith("CUDA")
    return Entry(
        name,
        "the exported graphs by ONNX Runtime with its defaults",
        "fp32",
        on_gpu,
        EXACT,
        ("onnxruntime-gpu" if on_gpu else "onnxruntime", "numpy"),
        first_problem(*([needs_gpu] if on_gpu else []), needs_package("onnxruntime")),
        partial(_open, "onnx_runtime", "open_onnx_runtime", provider=provider),
    )


def _whole_engines(flavour: str) -> Entry:
    def why_unavailable(_model: ModelSpec) -> str | None:
        return why_tensorrt_unavailable(flavour)

    return Entry(
        f"{flavour}-whole",
        f"whole graphs as {flavour} engines, half precision",
        "fp16",
        True,
        OF_PRECISION["fp16"],
        ("tensorrt", "tensorrt-cu13", "tensorrt-rtx-cu13", "cuda-core", "cuda-bindings", "numpy"),
        first_problem(needs_gpu, why_unavailable),
        partial(_open, "whole_engines", "open_whole_engines", flavour=flavour),
    )


def _runtime(backend: BackendEntry, precision: str) -> Entry:
    on_gpu = not backend.name.endswith("-cpu")
    suffix = "" if precision == backend.precisions[0] else f":{precision}"  # its own choice needs no mention
    return Entry(
        f"fomm-rt:{backend.name}{suffix}",
        f"fomm-rt on {backend.name}{f', {precision}' if suffix else ''}",
        precision,
        on_gpu,
        OF_PRECISION[precision],
        (
            *("fomm-rt", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-cu13", "tensorrt-rtx-cu13"),
            *("cuda-core", "cuda-bindings", "opencv-python-headless", "numpy"),
        ),
        first_problem(partial(_backend_problem, backend), partial(_without_precision, precision)),
        partial(_open, "runtime", "open_runtime", backend=backend.name, precision=precision),
    )


def _backend_problem(backend: BackendEntry, _model: ModelSpec) -> str | None:
    problem = backend.why_unavailable()
    return f"{problem}; {DRIVER}" if problem == nvidia_driver.NO_DRIVER else problem


def _without_precision(precision: str, model: ModelSpec) -> str | None:
    if precision not in OWN_GRAPHS or precision in read_manifest(Path(model.folder)).precisions:
        return None
    return f"the model folder has no {precision} graphs; export it again with --{precision}"
