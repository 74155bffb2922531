"""Prints what of this project can run in this Python: versions, and what steps, kernels and backends lack.

python benchmarks/gpu/check.py
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import distributions
from importlib.util import find_spec
from shutil import which

RUNTIME = ("numpy", "cv2", "msgspec", "platformdirs", "filelock", "typing_extensions")
CUDA = ("cuda.core", "cuda.bindings")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "kernel-tests": (*RUNTIME, *CUDA, "pytest"),
    "model": (*RUNTIME, "torch", "onnx", "onnxscript", "onnxruntime", "yaml", "safetensors", "typer", "rich"),
    "frames": (*RUNTIME, *CUDA, "torch", "onnx", "onnxruntime"),
    "rivals": (*RUNTIME, *CUDA, "torch", "onnx", "triton"),
    "detector": (*RUNTIME, "torch", "onnx"),
    "kernels": ("numpy", *CUDA, "torch"),
    "array-tests": (*RUNTIME, *CUDA, "torch", "onnx", "onnxscript", "onnxruntime", "cupy", "pytest"),
    "engine-tests": (*RUNTIME, *CUDA, "onnx", "onnxruntime", "pytest"),
    "bench": (*RUNTIME, *CUDA, "av", "torch", "onnx", "typer", "rich", "psutil", "matplotlib"),
}
"""Step -> the modules of other projects that it imports."""

PREFIXES = ("cuda", "cupy", "numpy", "nvidia", "onnx", "opencv", "tensorrt", "torch", "triton")


def lacking(modules: tuple[str, ...]) -> list[str]:
    """Those of the modules that cannot be found, without importing the last part of their names."""

    def is_there(module: str) -> bool:
        try:
            return find_spec(module) is not None
        except ImportError:  # a package around it is missing
            return False

    return [module for module in modules if not is_there(module)]


def main() -> None:
    """Prints the report."""
    versions = {dist.metadata["Name"]: dist.version for dist in distributions()}
    shown = sorted(f"{name} {v}" for name, v in versions.items() if name and name.lower().startswith(PREFIXES))
    print(f"Python {platform.python_version()}: {', '.join(shown)}")
    for step, modules in NEEDS.items():
        missing = ", ".join(lacking(modules))
        print(f"step {step}: {f'lacks {missing}' if missing else 'finds its modules'}")
    print(f"g++: {which('g++') or 'missing; kernels have no CPU builds to be compared with'}")
    if without := lacking(RUNTIME):
        raise SystemExit(f"fomm_rt cannot be imported without {', '.join(without)}")
    from fomm_kernels import KernelError, driver_problem, nvrtc
    from fomm_rt.backends.registry import REGISTRY
    from fomm_rt.machine import nvidia_driver

    print(f"NVIDIA driver: {nvidia_driver.describe()}")
    try:
        print(f"NVRTC: {'.'.join(map(str, nvrtc.version()))}, for {nvrtc.known_architectures()}")
    except KernelError as error:
        print(f"NVRTC: {error}")
    print(f"kernels on the GPU: {driver_problem() or 'can run'}")
    for entry in REGISTRY:
        print(f"{entry.name}: {entry.why_unavailable() or 'can run'}")


if __name__ == "__main__":
    main()
