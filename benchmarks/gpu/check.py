"""What of this project can run in this Python: versions, and what stands against kernels and backends.

python benchmarks/gpu/check.py
"""

from __future__ import annotations

import platform
from importlib.metadata import distributions

from fomm_kernels import KernelError, driver_problem, nvrtc
from fomm_rt.backends.registry import REGISTRY
from fomm_rt.machine import nvidia_driver

NAMES = ("cuda", "cupy", "numpy", "nvidia", "onnx", "opencv", "tensorrt", "torch", "triton")
"""Beginnings of packages that matter."""


def main() -> None:
    """Prints it."""
    found = {dist.metadata["Name"]: dist.version for dist in distributions()}
    matter = sorted(f"{name} {version}" for name, version in found.items() if name and name.lower().startswith(NAMES))
    print(f"Python {platform.python_version()}: {', '.join(matter)}")
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
