"""Keeps an encoder from changing how the system schedules the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_scheduling() -> Iterator[None]:
    """Restores the scheduling of this thread at the end.

    Run by root, libsvtav1 gives the calling thread the highest real-time priority. All that it starts later
    would inherit it and starve the other processes of the machine.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
