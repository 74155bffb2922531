"""Lets a step finish before Ctrl-C or a termination takes effect, so that what is saved is never half a step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds signals back inside the context and delivers them after it; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    # A signal that is ignored stays so.
    held = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    handlers = [signal.signal(number, lambda number, _frame: arrived.append(number)) for number in held]
    try:
        yield
    finally:
        for each, handler in zip(held, handlers, strict=True):
            signal.signal(each, handler)
        for number in arrived[:1]:
            os.kill(os.getpid(), number)
