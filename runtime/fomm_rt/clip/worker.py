"""A thread whose end is waited for through any number of Ctrl-C, and the places in its queues."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

PLACE = None
"""Permission for one more item. A place is taken before an item is made and given back when it is used up.

Queues in C carry places and items: unlike conditions written in Python they stay intact wherever Ctrl-C strikes."""


def places(count: int) -> SimpleQueue[None]:
    """Returns a queue of so many places."""
    queue: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        queue.put(PLACE)
    return queue


class Worker:
    """Runs a function in a thread of its own.

    When a signal's exception leaves `Thread.join` (Python 3.11), it takes a running thread for ended, and objects that
    the thread still uses would be closed. `wait` raises such an exception only after the thread has ended.

    Args:
        work: Raises nothing; ends soon after it is told to, and touches nothing if told before it starts.
        name: The thread's name, for debuggers.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._has_ended = False
        self._end: SimpleQueue[None] = SimpleQueue()
        # A daemon, because an interruption between starting and waiting must not keep the process from ending.
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self, tell_to_end: Callable[[], None]) -> None:
        """Starts the thread; if interrupted, ends it again with `tell_to_end`."""
        try:
            self._thread.start()
        except BaseException:
            tell_to_end()
            if self._thread.is_alive():
                self.wait(tell_to_end)
            raise

    def wait(self, interrupted: Callable[[], None]) -> None:
        """Waits for the end of work that was told to end.

        Args:
            interrupted: Called for every Ctrl-C or signal meanwhile; the last one is raised after the end.
        """
        interruption: BaseException | None = None
        # The flag, because an exception may strike after the queue was emptied.
        while not self._has_ended:
            try:
                self._end.get()
            except BaseException as error:
                interruption = error
                interrupted()
        self._thread.join()
        if interruption is not None:
            raise interruption

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._has_ended = True
            self._end.put(None)
