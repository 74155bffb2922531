"""All contestants by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from fomm_bench.contestants.availability import (
    DRIVER,
    Check,
    first_problem,
    needs_compiler,
    needs_gpu,
    needs_networks,
    needs_package,
)
from fomm_bench.contestants.protocol import Contestant, Entry
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import EXACT, FLOAT32, OF_PRECISION
from fomm_bench.results.contestant_result import DEVICE_TYPES, DeviceType
from fomm_kernels import driver_problem
from fomm_rt.backends.registry import REGISTRY, BackendEntry
from fomm_rt.backends.tensorrt.backend import why_tensorrt_unavailable
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.errors import BenchmarkError
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.manifest import read_manifest

REFERENCES: dict[DeviceType, tuple[str, ...]] = {
    "cpu": ("pytorch", "onnxruntime", "fomm-rt:onnxruntime-cpu"),
    "cuda": ("pytorch-cuda", "onnxruntime-cuda"),
}
"""Device -> contestants that may be its reference; the first that can run is."""

TENSORRT_PACKAGES = ("tensorrt", "tensorrt-cu13", "tensorrt-rtx-cu13", "cuda-core", "cuda-bindings", "numpy")


def entries() -> tuple[Entry, ...]:
    """Every contestant, the references first."""
    return (
        _pytorch("pytorch", "PyTorch eager as published", "published"),
        _pytorch("pytorch-cached", "PyTorch eager, source encoded once", "cached"),
        _pytorch("pytorch-compile", "torch.compile, source encoded once", "compiled"),
        _pytorch("pytorch-cuda", "PyTorch eager as published, GPU", "published", "fp32", on_gpu=True),
        _pytorch("pytorch-cuda-tf32", "PyTorch eager as published, GPU, TF32 as by default", "published", "tf32", True),
        _pytorch("pytorch-compile-cuda", "torch.compile, half precision, channels last", "compiled", "fp16", True),
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
        Entry(
            "kernel-path-pytorch",
            "the kernel path of fomm-rt with convolutions by PyTorch, half precision",
            "fp16",
            True,
            OF_PRECISION["fp16"],
            ("fomm-rt", "torch", "cuda-core", "cuda-bindings", "numpy"),
            first_problem(needs_gpu, needs_package("torch"), needs_package("onnx"), lambda _model: driver_problem()),
            partial(_open, "runtime", "open_torch_trunks"),
        ),
        *map(_whole_engines, FLAVOURS),
        *(_runtime(backend, precision) for backend in REGISTRY for precision in backend.precisions),
    )


def choose(names: Sequence[str]) -> list[Entry]:
    """Contestants by name, in the registry's order; without names, all. Raises BenchmarkError if one is unknown."""
    known = {entry.name: entry for entry in entries()}
    for name in names:
        if name not in known:
            raise BenchmarkError(f"expected a contestant among {', '.join(known)}; got {name!r}")
    return [entry for name, entry in known.items() if not names or name in names]


def reference_candidates(chosen: Sequence[Entry]) -> dict[DeviceType, list[Entry]]:
    """Candidates for each device that a chosen contestant runs on, best first. A GPU falls back to those of the CPU."""
    known = {entry.name: entry for entry in entries()}
    devices = {entry.device_type for entry in chosen}
    return {
        device: [known[name] for name in dict.fromkeys((*REFERENCES[device], *REFERENCES["cpu"]))]
        for device in DEVICE_TYPES
        if device in devices
    }


def first_references(chosen: Sequence[Entry]) -> list[str]:
    """Names of the references that join the chosen contestants if they can run."""
    return [REFERENCES[device][0] for device in dict.fromkeys(entry.device_type for entry in chosen)]


def _open(module: str, function: str, model: ModelSpec, **options: Any) -> Contestant:
    """Imports a contestant's module and opens it."""
    opener = getattr(import_module(f"fomm_bench.contestants.{module}"), function)
    contestant: Contestant = opener(model, **options)
    return contestant


def _pytorch(name: str, description: str, kind: str, precision: str = "fp32", on_gpu: bool = False) -> Entry:
    checks: list[Check] = [needs_package("torch"), needs_networks]
    checks += [needs_gpu] * on_gpu + [needs_compiler] * (kind == "compiled")
    device = "cuda" if on_gpu else "cpu"
    return Entry(
        name,
        description,
        precision,
        on_gpu,
        FLOAT32 if kind == "compiled" and not on_gpu else OF_PRECISION[precision],
        ("torch", "numpy"),
        first_problem(*checks),
        partial(_open, "pytorch", "open_pytorch", kind=kind, device=device, tf32=precision == "tf32"),
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
        first_problem(*([needs_gpu] * on_gpu), needs_package("onnxruntime")),
        partial(_open, "onnx_runtime", "open_onnx_runtime", provider=provider),
    )


def _whole_engines(flavour: str) -> Entry:
    return Entry(
        f"{flavour}-whole",
        f"whole graphs as {flavour} engines, half precision",
        "fp16",
        True,
        OF_PRECISION["fp16"],
        TENSORRT_PACKAGES,
        first_problem(needs_gpu, lambda _model: why_tensorrt_unavailable(flavour)),
        partial(_open, "whole_engines", "open_whole_engines", flavour=flavour),
    )


def _runtime(backend: BackendEntry, precision: str) -> Entry:
    suffix = "" if precision == backend.precisions[0] else f":{precision}"  # the backend's default goes without saying
    return Entry(
        f"fomm-rt:{backend.name}{suffix}",
        f"fomm-rt on {backend.name}{f', {precision}' if suffix else ''}",
        precision,
        not backend.name.endswith("-cpu"),
        OF_PRECISION[precision],
        ("fomm-rt", "onnxruntime", "onnxruntime-gpu", "opencv-python-headless", *TENSORRT_PACKAGES),
        first_problem(partial(_backend_problem, backend), partial(_precision_problem, precision)),
        partial(_open, "runtime", "open_runtime", backend=backend.name, precision=precision),
    )


def _backend_problem(backend: BackendEntry, _model: ModelSpec) -> str | None:
    problem = backend.why_unavailable()
    return f"{problem}; {DRIVER}" if problem == nvidia_driver.NO_DRIVER else problem


def _precision_problem(precision: str, model: ModelSpec) -> str | None:
    # int8 needs graphs of its own; engines of other precisions are built from the float32 graphs.
    if precision != "int8" or precision in read_manifest(Path(model.folder)).precisions:
        return None
    return f"the model folder has no {precision} graphs; export it again with --{precision}"
