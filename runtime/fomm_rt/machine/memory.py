"""The memory of this machine."""

from __future__ import annotations

import os


def physical_bytes() -> int | None:
    """Size of the physical memory; None on systems without `os.sysconf`, such as Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
