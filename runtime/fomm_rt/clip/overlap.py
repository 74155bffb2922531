"""Reading ahead and writing behind in threads, so decoding and encoding overlap with the networks.

    thread            caller              thread
    ┌───────────┐     ┌─────────────┐     ┌─────────────┐
    │ ReadAhead │ ──▶ │ for … in …: │ ──▶ │ WriteBehind │
    └───────────┘     └─────────────┘     └─────────────┘
              ≤ depth items       ≤ depth items

With both, the caller sees the failure of the earliest item, as if all steps were done one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Generic, ParamSpec, TypeVar

Item = TypeVar("Item")
Arguments = ParamSpec("Arguments")

_PLACE = None
"""Permission for one more item. A place is taken before an item is made and given back when it is used up.

Queues in C carry places and items: unlike conditions written in Python they stay intact wherever Ctrl-C strikes."""


class ReadAhead(Generic[Item]):
    """Iterates over something once in a thread, up to `depth` items ahead of the caller.

        with ReadAhead(frames, depth=2) as ahead:
            for frame in ahead:
                use(frame)

    The order is kept. A failure is raised when the caller comes to the item that failed. The thread runs a generator
    and closes it, even if the caller stops early; when the `with` block is left, the thread has ended. `busy_s` are the
    seconds that the iteration itself took, `waiting_s` those that the caller waited for it.
    """

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self.busy_s = 0.0
        self.waiting_s = 0.0
        self._items = items
        self._is_stopped = False
        self._places = _places(depth)
        # An item as (item,), then None at the end of the items or the exception that ended them.
        self._ready: SimpleQueue[tuple[Item] | BaseException | None] = SimpleQueue()
        self._is_over = False
        self._worker = _Worker("fomm-rt read ahead")

    def __enter__(self) -> ReadAhead[Item]:
        self._worker.start(self._read, self._tell_to_end)
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
            self._places.put(_PLACE)
            return ready[0]
        self._is_over = True
        if ready is None:
            raise StopIteration
        try:
            raise ready
        finally:
            del ready  # the exception refers to this frame

    def _tell_to_end(self) -> None:
        self._is_stopped = True
        self._places.put(_PLACE)

    def _read(self) -> None:
        ending: BaseException | None = None
        try:
            self._read_all()
        except BaseException as error:
            ending = error  # raised in the caller when it comes to this item
        self._ready.put(ending)
        del ending  # it refers to this frame

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


class WriteBehind(Generic[Arguments]):
    """Calls a function in a thread, in order, up to `depth` calls behind the caller.

        with WriteBehind(writer.write, depth=2) as write:
            for frame in frames:
                write(frame)
        writer.commit()

    Arguments belong to the function until it returns. After its first failure it is not called again. The next call
    raises the failure, or else the end of the `with` block does, even in place of an exception of the body, which came
    later. If the body was interrupted, calls that have not begun are dropped. When the block is left, the thread has
    ended. `busy_s` are the seconds that the function itself took, `waiting_s` those that the caller waited for it.
    """

    def __init__(self, write: Callable[Arguments, object], depth: int) -> None:
        self.busy_s = 0.0
        self.waiting_s = 0.0
        self._write = write
        self._is_dropping = False
        self._failure: BaseException | None = None
        self._places = _places(depth)
        self._pending: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._worker = _Worker("fomm-rt write behind")

    def __enter__(self) -> WriteBehind[Arguments]:
        self._worker.start(self._write_all, self._drop)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Ctrl-C and signals that end the process are not an Exception; the rest is not needed then.
        if error is not None and not isinstance(error, Exception):
            self._drop()
        self._pending.put(None)
        start = perf_counter()
        self._worker.wait(self._drop)
        self.waiting_s += perf_counter() - start
        failure, self._failure = self._failure, None
        try:
            if failure is not None and failure is not error and not self._is_dropping:
                raise failure
        finally:
            del failure  # it refers to this frame, and `error` to the caller's

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Hands over one call; waits while `depth` calls are not done."""
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
            del call  # otherwise one more than `depth` would be kept
            self._places.put(_PLACE)


class _Worker:
    """Runs a function in its own thread, and keeps no reference to either after the end.

    A function that belongs to the owner of the worker would make a cycle: owner, worker, function, owner. Only the
    garbage collector frees those, and until it runs readers and writers keep their megabytes.

    When a signal's exception leaves `Thread.join` (Python 3.11), it takes a running thread for ended, and objects that
    the thread still uses would be closed. `wait` raises such an exception only after the thread has ended.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._has_ended = False
        self._end: SimpleQueue[None] = SimpleQueue()
        self._thread: Thread | None = None

    def start(self, work: Callable[[], None], tell_to_end: Callable[[], None]) -> None:
        """Starts the thread; if interrupted, ends it again with `tell_to_end`.

        `work` raises nothing, ends soon after it is told to, and touches nothing if told before it starts.
        """
        # A daemon, because an interruption between starting and waiting must not keep the process from ending.
        self._thread = Thread(target=self._run, args=(work,), name=self._name, daemon=True)
        try:
            self._thread.start()
        except BaseException:
            tell_to_end()
            if self._thread.is_alive():
                self.wait(tell_to_end)
            self._thread = None  # a thread that never ran still refers to its work
            raise

    def wait(self, interrupted: Callable[[], None]) -> None:
        """Waits for the end of work that was told to end; `interrupted` is called for every Ctrl-C or signal meanwhile.

        The last of these is raised after the end.
        """
        interruption: BaseException | None = None
        # The flag, because an exception may strike after the queue was emptied.
        while not self._has_ended:
            try:
                self._end.get()
            except BaseException as error:
                interruption = error
                interrupted()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            if interruption is not None:
                raise interruption
        finally:
            del interruption  # it refers to this frame

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._has_ended = True
            self._end.put(None)


def _places(count: int) -> SimpleQueue[None]:
    """Returns a queue of `count` places."""
    queue: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        queue.put(_PLACE)
    return queue
