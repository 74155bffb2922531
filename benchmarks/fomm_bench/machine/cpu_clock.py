"""CPU time by part: of all threads of the process, for parts that follow one another.

clock = CpuClock("decode", "to RGB")
with clock("decode"):               # all threads' time until they rest again …
    with clock.within("to RGB"):    # … but for what this thread spends in here
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import process_time, sleep, thread_time
from typing import Any

REST_S = 0.002
RESTING_SHARE = 0.05
"""Threads rest when, over REST_S, they use less of a core than this."""
MOST_RESTS = 500


class CpuClock:
    """Adds up CPU time by part; a part has ended when no thread works on for it.

    Attributes:
        seconds: Part -> its CPU time, of all threads.
    """

    def __init__(self, *parts: str) -> None:
        self.seconds = dict.fromkeys(parts, 0.0)
        self._part = ""

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Counts what happens inside, and what threads go on doing afterwards, for a part."""
        start, self._part = process_time(), part
        try:
            yield
        finally:
            rest()
            self.seconds[part] += process_time() - start
            self._part = ""

    @contextmanager
    def within(self, part: str, *, threads: bool = False) -> Iterator[None]:
        """Counts what happens inside for another part than the one around it; outside of any part counts nothing.

        Args:
            part: Whose time it is.
            threads: Whether other threads compute for it, too; they have to be done when it ends. Otherwise only this
                thread's time is taken, whatever others do meanwhile for the part around it.
        """
        clock = process_time if threads else thread_time
        start, around = clock(), self._part
        try:
            yield
        finally:
            if around:
                spent = clock() - start
                self.seconds[part] += spent
                self.seconds[around] -= spent

    @contextmanager
    def wrapping(self, owner: Any, method: str, part: str, *, threads: bool = False) -> Iterator[None]:
        """While inside, all calls of a method count `within` a part, whoever makes them."""
        original: Callable[..., Any] = getattr(owner, method)
        is_inherited = method not in vars(owner)

        @wraps(original)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.within(part, threads=threads):
                return original(*args, **kwargs)

        setattr(owner, method, counted)
        try:
            yield
        finally:
            if is_inherited:
                delattr(owner, method)
            else:
                setattr(owner, method, original)


def rest() -> None:
    """Waits until no thread of this process computes; returns after MOST_RESTS in any case."""
    for _ in range(MOST_RESTS):
        before = process_time()
        sleep(REST_S)
        if process_time() - before < RESTING_SHARE * REST_S:
            return
