"""The machine and the software that figures are measured with."""

from __future__ import annotations

import os
import platform
from typing import Any

from fomm_bench.machine import nvidia_smi
from fomm_rt.machine import nvidia_driver, processor
from fomm_rt.machine.packages import installed_versions

PACKAGES = (
    "fomm-rt",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "opencv-python-headless",
    "av",
    "onnx",
    "scikit-image",
    "matplotlib",
)


def describe_environment() -> dict[str, Any]:
    """Machine and software as JSON values: the fields of `results.environment.Environment` but "threads"."""
    cuda = nvidia_driver.cuda_version()
    # Not psutil: studies and reports run without the [bench] extra.
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": processor.name(),
        "cores": processor.allowed_cores(),
        "cores_of_machine": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "memory_gb": round(memory_bytes / 2**30),
        "gpus": gpus(),
        "cuda": None if cuda is None else f"{cuda[0]}.{cuda[1]}",
        "system": f"{platform.system()} {platform.machine()}",
        "kernel": platform.release().split("-")[0],  # the rest names a build
        "python": platform.python_version(),
        "packages": installed_versions(PACKAGES),
    }


def gpus() -> list[str]:
    """Name, driver and memory of every NVIDIA GPU."""
    return [f"{', '.join(row)} MiB" for row in nvidia_smi.query("gpu", "name,driver_version,memory.total")]
