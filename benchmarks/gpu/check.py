"""Prints what of this project can run in this Python: versions, and what steps, kernels and backends lack.

python benchmarks/gpu/check.py
python benchmarks/gpu/check.py STEP ...     only what these steps of run.py lack; the exit code is 1 if they do
"""

from __future__ import annotations

import argparse
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
    **dict.fromkeys(("memcheck", "racecheck", "initcheck"), (*RUNTIME, *CUDA, "pytest")),
    "engine-tests": (*RUNTIME, *CUDA, "onnx", "onnxruntime", "pytest"),
    **dict.fromkeys(("engines", "engines-fp16", "throughput"), (*RUNTIME, *CUDA, "onnx", "onnxruntime")),
    "bench": (*RUNTIME, *CUDA, "av", "torch", "onnx", "typer", "rich", "psutil", "matplotlib"),
}
"""Step -> the modules of other projects that it imports."""
PACKAGES = {"cv2": "opencv-python-headless", "yaml": "PyYAML", "typing_extensions": "typing-extensions"}
"""Module -> its package, where pip knows another name; cuda.core is of cuda-core."""

PREFIXES = ("cuda", "cupy", "numpy", "nvidia", "onnx", "opencv", "tensorrt", "torch", "triton")


def lacking(modules: tuple[str, ...]) -> list[str]:
    """Those of the modules that cannot be found, without importing the last part of their names."""

    def is_there(module: str) -> bool:
        try:
            return find_spec(module) is not None
        except ImportError:  # a package around it is missing
            return False

    return [module for module in modules if not is_there(module)]


def say_what_lacks(steps: list[str]) -> bool:
    """Prints the modules that steps lack, and their packages; returns True if there are any."""
    missing = {step: lacking(NEEDS.get(step, ())) for step in steps}
    for step, modules in missing.items():
        if modules:
            print(f"step {step} lacks {', '.join(modules)}")
    every = {module for modules in missing.values() for module in modules}
    packages = sorted(PACKAGES.get(module, module.replace(".", "-")) for module in every)
    if packages:
        print(f"missing packages: {' '.join(packages)}")
    return bool(packages)


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP")
    if steps := parser.parse_args().steps:
        raise SystemExit(int(say_what_lacks(steps)))
    versions = {dist.metadata["Name"]: dist.version for dist in distributions()}
    shown = sorted(f"{name} {v}" for name, v in versions.items() if name and name.lower().startswith(PREFIXES))
    print(f"Python {platform.python_version()}: {', '.join(shown)}")
    if not say_what_lacks(list(NEEDS)):
        print("every step finds its modules")
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
