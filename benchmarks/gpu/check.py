"""Prints what of this project can run in this Python: versions, and what kernels and backends lack.

python benchmarks/gpu/check.py
"""

from __future__ import annotations

import platform
from importlib.metadata import distributions

from fomm_kernels import KernelError, driver_problem, nvrtc
from fomm_rt.backends.registry import REGISTRY
from fomm_rt.machine import nvidia_driver

PREFIXES = ("cuda", "cupy", "numpy", "nvidia", "onnx", "opencv", "tensorrt", "torch", "triton")


def main() -> None:
    """Prints the report."""
    versions = {dist.metadata["Name"]: dist.version for dist in distributions()}
    shown = sorted(f"{name} {v}" for name, v in versions.items() if name and name.lower().startswith(PREFIXES))
    print(f"Python {platform.python_version()}: {', '.join(shown)}")
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
