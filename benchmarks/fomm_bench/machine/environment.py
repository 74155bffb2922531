"""The machine and the software that figures were measured with."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import Any

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
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
MACHINE = ("cpu", "cores", "memory_gb", "gpus", "system")
"""What makes a machine another one, as far as ratios are concerned."""


def describe_environment() -> dict[str, Any]:
    """Plain JSON values: the keys of MACHINE, "cores_of_machine", "load", "cuda", "kernel", "python", "packages".

    Where contestants are compared, "threads" is what each of them was given.
    """
    cuda = nvidia_driver.cuda_version()
    return {
        "cpu": processor.name(),
        "cores": processor.allowed_cores(),
        "cores_of_machine": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),  # processes that ran or waited for a core, mean of the last minute
        "memory_gb": round(memory_bytes() / 2**30),
        "gpus": gpus(),
        "cuda": None if cuda is None else f"{cuda[0]}.{cuda[1]}",
        "system": f"{platform.system()} {platform.machine()}",
        "kernel": platform.release().split("-")[0],  # the rest names a build
        "python": platform.python_version(),
        "packages": installed_versions(PACKAGES),
    }


def same_machine(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two environments are of one machine, or of two that cannot be told apart."""
    return all(a.get(key) == b.get(key) for key in MACHINE)


def describe_machine(environment: dict[str, Any]) -> str:
    """One phrase for people, such as "Intel(R) Xeon(R), 2 cores"."""
    cores = environment["cores"]
    parts = [f"{environment['cpu']}, {cores} core{'s' * (cores != 1)}", *environment["gpus"]]
    return "; ".join(parts)


def memory_bytes() -> int:
    """Of the machine; 0 where it cannot be told."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def gpus() -> list[str]:
    """Name, driver and memory of every NVIDIA GPU; unexecuted where there is one."""
    try:
        answer = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [", ".join(part.strip() for part in line.split(",")) for line in answer.splitlines() if line.strip()]
