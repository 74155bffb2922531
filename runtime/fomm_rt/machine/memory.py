"""The memory of this machine, and what a container leaves of it."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""A container's memory limit in bytes, or "max" (cgroup v2 and v1)."""


def physical_bytes() -> int | None:
    """Size of the physical memory; None on systems without `os.sysconf`, such as Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def allowed_bytes() -> int | None:
    """The memory that this process may use, given its container's limit; None if the system does not say."""
    return min((size for size in (physical_bytes(), *map(_limit, MEMORY_LIMITS)) if size is not None), default=None)


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # no container, or no limit ("max")
