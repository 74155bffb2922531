"""The processor: its name, the instructions that matter to networks, and how many of its cores may be used."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of CPU time per period that a container's processes may use (Linux control groups, version 2)."""

VECTOR_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "asimddp": "dot products",
}
"""What Linux calls the instructions that decide how fast networks run, and what people call them."""

INT8_INSTRUCTIONS = frozenset({"avx_vnni", "avx512_vnni", "asimddp"})
"""Of those, the ones that make int8 fast."""


def name() -> str:
    """The processor in words, such as "Intel(R) Xeon(R) Processor"."""
    for line in (_cpu_info() or "").splitlines():
        if line.startswith("model name"):
            return " ".join(line.split(":", 1)[1].split())
    return platform.processor() or platform.machine()


def allowed_cores() -> int:
    """How many cores this process may use, by its affinity and by the quota of a container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores  # not in a container, or one without a limit ("max")


def vector_instructions() -> frozenset[str] | None:
    """Those of VECTOR_INSTRUCTIONS that the processor has; None where the system does not tell."""
    told = _cpu_info()
    return None if told is None else frozenset(VECTOR_INSTRUCTIONS).intersection(told.split())


def lacks_int8_instructions() -> bool:
    """Whether this is an x86 processor without VNNI, as far as Linux tells."""
    told = _cpu_info() if platform.machine() in ("x86_64", "AMD64") else None
    return told is not None and "flags" in told and not INT8_INSTRUCTIONS.intersection(told.split())


def _cpu_info() -> str | None:
    try:
        return CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # not Linux
