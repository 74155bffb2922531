"""A thread whose end can be waited for through any number of Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread


class Worker:
    """Runs a function in a thread of its own.

    `Thread.join` takes a thread that still runs for ended once a signal's exception leaves it (Python 3.11), and
    what the thread uses would be closed under its hands. Here such an exception is put off until it has ended.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        """Prepares the thread.

        Args:
            work: Raises nothing; ends soon after it is told to, and touches nothing if told before it starts.
            name: For debuggers.
        """
        self._work = work
        self._has_ended = False
        self._end: SimpleQueue[None] = SimpleQueue()
        # A daemon, so that an interruption between starting and waiting cannot keep the process from ending.
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self, tell_to_end: Callable[[], None]) -> None:
        """Starts; an interruption leaves no thread behind that does anything.

        Args:
            tell_to_end: Makes the work end.
        """
        try:
            self._thread.start()
        except BaseException:
            tell_to_end()
            if self._thread.is_alive():
                self.wait(tell_to_end)
            raise

    def wait(self, interrupted: Callable[[], None]) -> None:
        """Waits for the end of work that was told to.

        Args:
            interrupted: Called where Ctrl-C or a signal asks for more haste; it is raised after the end.
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
