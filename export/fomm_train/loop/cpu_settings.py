"""Settings of this process that speed up training on a CPU; `benchmarks/studies/training_step.py` measures them."""

import ctypes
import sys

import torch

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
"""Parameters of glibc's mallopt(3); a trim threshold of -1 is never reached."""


def keep_freed_memory() -> bool:
    """Makes the C library keep freed memory; returns False where it cannot (it is not glibc).

    By default glibc maps every tensor of some megabytes again, and the system zeroes the pages at the first touch.
    Afterwards the process keeps as much memory as its largest step needed.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))


def flush_denormal_numbers() -> bool:
    """Makes this thread, and threads it starts later, treat denormal numbers as zero; returns False if it cannot.

    The tails of the Gaussians around keypoints become denormal, and CPUs compute with such numbers more slowly.
    """
    return bool(torch.set_flush_denormal(True))
