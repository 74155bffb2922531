"""Stages of work that overlap: reading ahead and writing behind, each in a thread of its own.

    thread            caller              thread
    ┌───────────┐     ┌─────────────┐     ┌─────────────┐
    │ ReadAhead │ ──▶ │ for … in …: │ ──▶ │ WriteBehind │
    └───────────┘     └─────────────┘     └─────────────┘
              ≤ depth items       ≤ depth items

The order is kept, and so is what the caller sees of failures: that of the earliest item is raised, as if all
had been done one after the other. Both threads have ended when their `with` is left, for whatever reason, and
only then may what they use be closed.

A place is taken before an item comes into being and given back when it is used up. Queues in C carry both ways:
unlike conditions written in Python they stay intact wherever Ctrl-C strikes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue
from time import perf_counter
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from fomm_rt.clip.worker import Worker

Item = TypeVar("Item")
Arguments = ParamSpec("Arguments")

_PLACE = None


class ReadAhead(Generic[Item]):
    """Iterates over something once, up to `depth` items before they are asked for.

        with ReadAhead(frames, depth=2) as ahead:
            for frame in ahead:
                use(frame)

    A generator is run and closed in the thread, also where the caller takes no more of it.

    Attributes:
        busy_s: How long the iteration itself took.
        waiting_s: How long the caller waited for it.
    """

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self.busy_s = 0.0
        self.waiting_s = 0.0
        self._items = items
        self._is_stopped = False
        self._places: SimpleQueue[None] = _places(depth)
        # One item, or none at the end: with what ended it, if that was not the end of the items.
        self._ready: SimpleQueue[tuple[Item] | BaseException | None] = SimpleQueue()
        self._is_over = False
        self._worker = Worker(self._read, "fomm-rt read ahead")

    def __enter__(self) -> ReadAhead[Item]:
        self._worker.start(self._tell_to_end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
            self._places.put(_PLACE)
            return ready[0]
        self._is_over = True
        if ready is None:
            raise StopIteration
        raise ready

    def _tell_to_end(self) -> None:
        self._is_stopped = True
        self._places.put(_PLACE)

    def _read(self) -> None:
        ending: BaseException | None = None
        try:
            self._read_all()
        except BaseException as error:
            ending = error  # raised in the caller, once it comes to this item
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
                del item  # else one more than `depth` would be kept
        finally:
            if isinstance(iterator, Generator):
                iterator.close()


class WriteBehind(Generic[Arguments]):
    """Calls a function with what it is given, in that order, up to `depth` calls later.

        with WriteBehind(writer.write, depth=2) as write:
            for frame in frames:
                write(frame)
        writer.commit()

    What is handed over belongs to the function until it returns. After its first failure it is not called again.
    The failure is raised by the next call, or on leaving the `with`, there also in place of an exception of the
    body: whatever failed there came later. Where the body was interrupted, calls not yet begun are dropped.

    Attributes:
        busy_s: How long the function itself took.
        waiting_s: How long the caller waited for it.
    """

    def __init__(self, write: Callable[Arguments, object], depth: int) -> None:
        self.busy_s = 0.0
        self.waiting_s = 0.0
        self._write = write
        self._is_dropping = False
        self._failure: BaseException | None = None
        self._places: SimpleQueue[None] = _places(depth)
        self._pending: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._worker = Worker(self._write_all, "fomm-rt write behind")

    def __enter__(self) -> WriteBehind[Arguments]:
        self._worker.start(self._drop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Ctrl-C and signals that end the process are no Exception; nobody wants the rest then.
        if error is not None and not isinstance(error, Exception):
            self._drop()
        self._pending.put(None)
        start = perf_counter()
        self._worker.wait(self._drop)
        self.waiting_s += perf_counter() - start
        if self._failure is not None and self._failure is not error and not self._is_dropping:
            raise self._failure

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Hands over one call; waits where `depth` of them are not done."""
        start = perf_counter()
        self._places.get()
        self.waiting_s += perf_counter() - start
        if self._failure is not None:
            self._places.put(_PLACE)
            raise self._failure
        self._pending.put(lambda: self._write(*args, **kwargs))

    def _drop(self) -> None:
        self._is_dropping = True
        self._pending.put(None)

    def _write_all(self) -> None:
        while True:
            call = self._pending.get()
            if call is None:
                return
            if self._failure is None and not self._is_dropping:
                start = perf_counter()
                try:
                    call()
                except BaseException as error:
                    self._failure = error
                self.busy_s += perf_counter() - start
            del call  # else one more than `depth` would be kept
            self._places.put(_PLACE)


def _places(count: int) -> SimpleQueue[None]:
    places: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        places.put(_PLACE)
    return places
