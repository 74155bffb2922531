"""Returns freed memory to the system."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any


def return_free_memory() -> None:
    """Returns free pages of the heap to the system; does nothing where the C library has no such call.

    glibc keeps freed memory in one arena for each thread that was busy at the same time. The arenas of closed readers,
    writers and sessions would add up to tens of megabytes, more in one run than in the next.
    """
    if (trim := _malloc_trim()) is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
