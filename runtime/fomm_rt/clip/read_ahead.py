"""Reading ahead in a thread, so decoding overlaps with the networks.

    thread            caller              thread
    ┌───────────┐     ┌─────────────┐     ┌─────────────┐
    │ ReadAhead │ ──▶ │ for … in …: │ ──▶ │ WriteBehind │
    └───────────┘     └─────────────┘     └─────────────┘
              ≤ depth items       ≤ depth items

With both, the caller sees the failure of the earliest item, as if all steps were done one after the other.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from time import perf_counter
from typing import Generic, TypeVar

from fomm_rt.clip.worker import PLACE, Worker, places

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """Iterates over something once in a thread, up to `depth` items before the caller asks for them.

        with ReadAhead(frames, depth=2) as ahead:
            for frame in ahead:
                use(frame)

    The order is kept. A failure is raised when the caller comes to the item that failed. The thread runs a generator
    and closes it, even if the caller stops early; when the `with` block is left, the thread has ended.

    Attributes:
        busy_s: Seconds that the iteration itself took.
        waiting_s: Seconds that the caller waited for it.
    """

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self.busy_s = 0.0
        self.waiting_s = 0.0
        self._items = items
        self._is_stopped = False
        self._places = places(depth)
        # An item as (item,), then None at the end of the items or the exception that ended them.
        self._ready: SimpleQueue[tuple[Item] | BaseException | None] = SimpleQueue()
        self._is_over = False
        self._worker = Worker(self._read, "fomm-rt read ahead")

    def __enter__(self) -> ReadAhead[Item]:
        self._worker.start(self._tell_to_end)
        return self

    def __exit__(self, *details: object) -> None:
        self._tell_to_end()
        self._worker.wait(self._tell_to_end)

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._is_over:
            raise StopIteration
        start = perf_counter()
        ready = self._ready.get()
        self.waiting_s += perf_counter() - start
        if isinstance(ready, tuple):
            self._places.put(PLACE)
            return ready[0]
        self._is_over = True
        if ready is None:
            raise StopIteration
        raise ready

    def _tell_to_end(self) -> None:
        self._is_stopped = True
        self._places.put(PLACE)

    def _read(self) -> None:
        ending: BaseException | None = None
        try:
            self._read_all()
        except BaseException as error:
            ending = error  # raised in the caller when it comes to this item
        self._ready.put(ending)

    def _read_all(self) -> None:
        iterator: Iterator[Item] | None = None
        try:
            while True:
                self._places.get()
                if self._is_stopped:
                    return
                start = perf_counter()
                try:
                    if iterator is None:
                        iterator = iter(self._items)
                    item = next(iterator)
                except StopIteration:
                    return
                finally:
                    self.busy_s += perf_counter() - start
                self._ready.put((item,))
                del item  # otherwise one more than `depth` would be kept
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
