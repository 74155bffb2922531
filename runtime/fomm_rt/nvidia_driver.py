"""Whether this machine has an NVIDIA driver, found out without any CUDA package."""

from __future__ import annotations

import ctypes
from functools import cache

LIBRARY = "libcuda.so.1"


@cache
def cuda_version() -> tuple[int, int] | None:
    """The CUDA version, (major, minor), that the installed driver supports; None without a working driver."""
    try:
        driver = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    number = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDriverGetVersion(ctypes.byref(number)) != 0:
        return None
    return number.value // 1000, number.value % 1000 // 10


def describe() -> str:
    """One phrase for people."""
    found = cuda_version()
    if found is None:
        return f"none ({LIBRARY} is not installed or finds no device)"
    return f"supports CUDA {found[0]}.{found[1]}"
