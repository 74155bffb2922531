"""A slot between two threads that holds the newest item only."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Latest(Generic[Item]):
    """Hands over the newest item: it replaces an item that was not taken.

    One thread puts, one thread takes. `put` never waits. The signals are queues in C, for the reason given in
    `fomm_rt.clip.overlap`.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque(maxlen=1)
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._is_closed = False

    def put(self, item: Item) -> None:
        """Puts an item in place of the one before."""
        self._items.append(item)
        self._signal()

    def take(self, timeout_s: float | None = 0) -> Item | None:
        """Takes the item; waits for one up to `timeout_s` seconds, or without an end if it is None.

        Returns None if there was none in this time, or if the slot is closed and empty.
        """
        end = None if timeout_s is None else perf_counter() + timeout_s
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                if self._is_closed:
                    return None
            try:
                # Every item is followed by a signal, so a signal can be left from an item that was taken already.
                self._signals.get(timeout=None if end is None else max(0.0, end - perf_counter()))
            except Empty:
                return None

    def close(self) -> None:
        """Makes `take` return at once from now on; an item in the slot can still be taken."""
        self._is_closed = True
        self._signals.put(None)

    @property
    def is_closed(self) -> bool:
        """True after `close`."""
        return self._is_closed

    def _signal(self) -> None:
        if self._signals.empty():
            self._signals.put(None)
