"""CPU time of consecutive parts of a program, over all threads of the process.

clock = CpuClock("decode", "to RGB")
with clock("decode"):               # CPU time of all threads until they rest again,
    with clock.within("to RGB"):    # minus what this thread spends here
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import process_time, sleep, thread_time
from typing import Any
from unittest.mock import patch

REST_S = 0.002
RESTING_SHARE = 0.05
"""Threads rest if they use less than this share of a core over REST_S."""
MOST_RESTS = 500


class CpuClock:
    """Adds up CPU time by part. A part ends when no thread works for it any more.

    Attributes:
        seconds: Part -> CPU time of all threads.
    """

    def __init__(self, *parts: str) -> None:
        self.seconds = dict.fromkeys(parts, 0.0)
        self._part = ""

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Counts the block for a part, including what threads still do after it."""
        start, self._part = process_time(), part
        try:
            yield
        finally:
            rest()
            self.seconds[part] += process_time() - start
            self._part = ""

    @contextmanager
    def within(self, part: str, *, threads: bool = False) -> Iterator[None]:
        """Counts the block for another part than the surrounding one; without a surrounding part, counts nothing.

        Args:
            part: The part to count for.
            threads: Count all threads; they must have finished when the block ends. By default only this thread
                counts, and other threads keep working for the surrounding part.
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
    def wrapping(self, owner: type, method: str, part: str, *, threads: bool = False) -> Iterator[None]:
        """Counts every call of a method `within` a part, for the duration of the block."""
        original: Callable[..., Any] = getattr(owner, method)

        @wraps(original)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.within(part, threads=threads):
                return original(*args, **kwargs)

        with patch.object(owner, method, counted):  # restores inherited methods as such
            yield


def rest() -> None:
    """Waits until no thread of this process computes, at most MOST_RESTS times REST_S."""
    for _ in range(MOST_RESTS):
        before = process_time()
        sleep(REST_S)
        if process_time() - before < RESTING_SHARE * REST_S:
            return
