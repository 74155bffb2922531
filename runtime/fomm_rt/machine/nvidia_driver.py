"""What this machine's NVIDIA driver says, found out without any CUDA package.

Answers about a GPU have not been executed: none was at hand where this was written. Tests play the driver's part.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIBRARY = "libcuda.so.1"
NO_DRIVER = "this machine has no NVIDIA driver"
"""What backends say where `is_installed` is not."""

RELEASE_FILE = Path("/proc/driver/nvidia/version")
"""Where the kernel module says its release; not there under Windows' Linux."""

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # of CUdevice_attribute


@dataclass(frozen=True)
class Gpu:
    """The first GPU that CUDA shows this process.

    Attributes:
        name: As the driver calls it, "NVIDIA H200".
        capability: Compute capability, (9, 0).
        driver: Release of the driver, "580.159.04"; where that is not to be had, the CUDA version it supports.
    """

    name: str
    capability: tuple[int, int]
    driver: str

    @property
    def architecture(self) -> str:
        """The capability as compilers write it: "sm_90"."""
        return f"sm_{self.capability[0]}{self.capability[1]}"


def is_installed() -> bool:
    """Whether the driver's library can be loaded; starts nothing."""
    return _library() is not None


def cuda_version() -> tuple[int, int] | None:
    """Starts the driver; returns the CUDA version, (major, minor), that it supports, or None if it has no device."""
    driver = _library()
    number = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDriverGetVersion(ctypes.byref(number)) != 0:
        return None
    return number.value // 1000, number.value % 1000 // 10


def gpu() -> Gpu | None:
    """Starts the driver; returns the first GPU, or None without one."""
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
    """One phrase for people."""
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
