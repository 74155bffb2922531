"""Lets a step finish before Ctrl-C or a termination signal takes effect, so nothing is saved half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def heeded(signals: Iterable[int]) -> list[int]:
    """Returns the signals that are not ignored. Signals set to SIG_IGN stay ignored, so nohup keeps working."""
    return [each for each in signals if signal.getsignal(each) not in (signal.SIG_IGN, None)]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds signals back inside the context and delivers the first one after it.

    Contexts may be nested. Outside the main thread, which signals do not interrupt, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {each: signal.getsignal(each) for each in heeded(SIGNALS)}
    arrived: list[int] = []
    is_over = False

    def hold(number: int, _frame: FrameType | None) -> None:
        if is_over:  # another signal cut the restoring short
            signal.signal(number, handlers[number])
            signal.raise_signal(number)
        else:
            arrived.append(number)

    try:
        for each in handlers:
            signal.signal(each, hold)
        yield
    finally:
        is_over = True
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)
