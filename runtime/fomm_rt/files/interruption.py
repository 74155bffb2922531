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


_step = threading.RLock()
"""Held during a step that must not be interrupted."""


def stop_steps(patience_s: float) -> bool:
    """Waits for the end of the current step and prevents further ones, because the process is about to end.

    Returns:
        False if the step did not end in time.
    """
    return _step.acquire(timeout=patience_s)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds signals back inside the context and delivers the first one after it.

    Contexts can be nested. Signals interrupt only the main thread. Threads take turns.
    """
    with _step:
        if threading.current_thread() is threading.main_thread():
            with _holding_signals():
                yield
        else:
            yield


@contextmanager
def _holding_signals() -> Iterator[None]:
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
