"""Whether this machine has an NVIDIA driver, found out without any CUDA package."""

from __future__ import annotations

import ctypes
from functools import cache

LIBRARY = "libcuda.so.1"


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


def describe() -> str:
    """One phrase for people."""
    if not is_installed():
        return f"none ({LIBRARY} is not installed)"
    found = cuda_version()
    if found is None:
        return "installed, but it finds no device (no NVIDIA GPU, or its kernel module is not loaded)"
    return f"supports CUDA {found[0]}.{found[1]}"


@cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None
