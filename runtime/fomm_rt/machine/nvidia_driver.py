"""Queries the NVIDIA driver of this machine without any CUDA package."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIBRARY = "libcuda.so.1"
NO_DRIVER = "this machine has no NVIDIA driver"
"""The reason that backends give if the driver is missing."""

RELEASE_FILE = Path("/proc/driver/nvidia/version")
"""Names the release of the kernel module; missing under WSL."""

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # of CUdevice_attribute


@dataclass(frozen=True)
class Gpu:
    """The first GPU visible to CUDA in this process.

    Attributes:
        name: The driver's name for it, "NVIDIA H200".
        capability: Compute capability, (9, 0).
        driver: Release of the driver, "580.159.04"; if unknown, the CUDA version that it supports.
    """

    name: str
    capability: tuple[int, int]
    driver: str

    @property
    def architecture(self) -> str:
        """The capability in the compilers' notation, "sm_90"."""
        return f"sm_{self.capability[0]}{self.capability[1]}"


def is_installed() -> bool:
    """True if the driver's library can be loaded; does not initialize the driver."""
    return _library() is not None


def cuda_version() -> tuple[int, int] | None:
    """Initializes the driver; returns the CUDA version (major, minor) that it supports, or None without a device."""
    driver = _library()
    number = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDriverGetVersion(ctypes.byref(number)) != 0:
        return None
    return number.value // 1000, number.value % 1000 // 10


def count() -> int:
    """Initializes the driver; returns the number of GPUs visible to CUDA in this process."""
    driver = _library()
    number = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(number)) != 0:
        return 0
    return number.value


def gpu() -> Gpu | None:
    """Initializes the driver; returns the first GPU, or None without one."""
    version = cuda_version()
    driver = _library()
    device = ctypes.c_int(0)
    if version is None or driver is None or driver.cuDeviceGet(ctypes.byref(device), 0) != 0:
        return None
    name = ctypes.create_string_buffer(256)
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    answers = (
        driver.cuDeviceGetName(name, len(name), device),
        driver.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device),
        driver.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device),
    )
    if any(answers):
        return None
    return Gpu(
        name.value.decode(errors="replace"),
        (major.value, minor.value),
        _release() or f"CUDA {version[0]}.{version[1]}",
    )


def describe() -> str:
    """Describes driver and GPU in one phrase."""
    if not is_installed():
        return f"none ({LIBRARY} is not installed)"
    version, found = cuda_version(), gpu()
    if version is None or found is None:
        return (
            "installed, but it finds no device (no NVIDIA GPU, its kernel module is not loaded, or "
            "CUDA_VISIBLE_DEVICES hides it)"
        )
    return f"{found.driver}, supports CUDA {version[0]}.{version[1]}; {found.name}, {found.architecture}"


def _release() -> str | None:
    try:
        text = RELEASE_FILE.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b", text)
    return found.group(1) if found else None


@cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None
