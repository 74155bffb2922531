"""Keeps the C library from giving the memory of large tensors back to the system between steps."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
"""Parameters of mallopt(3), glibc; a threshold of -1 is never reached."""
NEVER = -1


def keep_freed_memory() -> bool:
    """Lets this process keep what it frees; returns whether the C library knows how (glibc on Linux does).

    glibc maps every tensor of some megabytes anew, and the system fills its pages with zeros at the first touch;
    `benchmarks/studies/training_step.py` measures what that costs. The process holds as much as its largest
    step needed.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
