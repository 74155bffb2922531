"""The processor: its name, the instructions that speed up networks, and the cores that this process may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's CPU quota: microseconds of CPU time, and the period in microseconds (cgroup v2)."""

VECTOR_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "asimddp": "dot products",
}
"""Linux's names of the instructions that networks depend on for speed -> common names."""

INT8_INSTRUCTIONS = frozenset({"avx_vnni", "avx512_vnni", "asimddp"})
"""The instructions among them that int8 needs to be fast."""


def name() -> str:
    """The name of the processor, such as "Intel(R) Xeon(R) Processor"."""
    for line in (_cpu_info() or "").splitlines():
        if line.startswith("model name"):
            return " ".join(line.split(":", 1)[1].split())
    return platform.processor() or platform.machine()


def allowed_cores() -> int:
    """The number of cores that this process may use, given its affinity and its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores  # no container, or no limit ("max")


def vector_instructions() -> frozenset[str] | None:
    """Those of VECTOR_INSTRUCTIONS that the processor has; None if the system does not say."""
    told = _cpu_info()
    return None if told is None else frozenset(VECTOR_INSTRUCTIONS).intersection(told.split())


def lacks_int8_instructions() -> bool:
    """True if this is an x86 processor without VNNI, as far as Linux says."""
    told = _cpu_info() if platform.machine() in ("x86_64", "AMD64") else None
    return told is not None and "flags" in told and not INT8_INSTRUCTIONS.intersection(told.split())


def _cpu_info() -> str | None:
    try:
        return CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # not Linux
