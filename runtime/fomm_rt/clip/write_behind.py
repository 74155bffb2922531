"""Writing behind in a thread, so encoding overlaps with the networks; see `read_ahead`."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter
from typing import Generic, ParamSpec

from fomm_rt.clip.worker import PLACE, Worker, places

Arguments = ParamSpec("Arguments")


class WriteBehind(Generic[Arguments]):
    """Calls a function in a thread, in order, up to `depth` calls behind the caller.

        with WriteBehind(writer.write, depth=2) as write:
            for frame in frames:
                write(frame)
        writer.commit()

    Arguments belong to the function until it returns. After its first failure it is not called again. The next call
    raises the failure, or else the end of the `with` block does, even in place of an exception of the body, which came
    later. If the body was interrupted, calls that have not begun are dropped. When the block is left, the thread has
    ended.

    Attributes:
        busy_s: Seconds that the function itself took.
        waiting_s: Seconds that the caller waited for it.
    """

    def __init__(self, write: Callable[Arguments, object], depth: int) -> None:
        self.busy_s = 0.0
        self.waiting_s = 0.0
        self._write = write
        self._is_dropping = False
        self._failure: BaseException | None = None
        self._places = places(depth)
        self._pending: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._worker = Worker(self._write_all, "fomm-rt write behind")

    def __enter__(self) -> WriteBehind[Arguments]:
        self._worker.start(self._drop)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Ctrl-C and signals that end the process are not an Exception; the rest is not needed then.
        if error is not None and not isinstance(error, Exception):
            self._drop()
        self._pending.put(None)
        start = perf_counter()
        self._worker.wait(self._drop)
        self.waiting_s += perf_counter() - start
        if self._failure is not None and self._failure is not error and not self._is_dropping:
            raise self._failure

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Hands over one call; waits while `depth` calls are not done."""
        start = perf_counter()
        self._places.get()
        self.waiting_s += perf_counter() - start
        if self._failure is not None:
            self._places.put(PLACE)
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
            self._places.put(PLACE)
