"""Ends the process at the second Ctrl-C, even while native code is busy.

Python handles a signal only between two bytecode instructions. While a decoder or a network runs for minutes, or
forever, the first Ctrl-C has no effect until the call returns. So a thread reads the signals from Python's wakeup file
descriptor, which the C handler writes at once. At the second signal it removes unfinished results, restores the
terminal and ends the process.

Native code that holds Python's lock also blocks that thread. For this case the C handler runs once and then leaves the
default action in place, so the second signal ends the process. As soon as the thread runs again, it reinstalls Python's
handler. This needs glibc, and works until other code installs a handler. On other systems such code must be ended by
SIGKILL, on Windows by Ctrl-Break.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from fomm_rt.files.hidden_folder import remove_hidden_folders
from fomm_rt.files.interruption import SIGNALS, heeded, stop_steps

SAME_PRESS_S = 0.2
"""Programs that start others may pass on the Ctrl-C that the terminal sent to both. Signals within this time count as
one."""

LONGEST_STEP_S = 3.0
"""How long the end waits for a step that must not be cut short."""

PATIENCE_S = 1.0
"""After which a process that is still busy says how to end it."""

_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def ending_at_second_interrupt() -> Iterator[None]:
    """Makes the second of the signals inside the context end the process; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    receiving, sending = socket.socketpair()
    sending.setblocking(False)
    before = signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
    native = _NativeHandlers(heeded(SIGNALS))
    watcher = threading.Thread(
        target=_watch, args=(receiving, native, _terminal_restorer()), name="fomm-rt signals", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        native.restore()
        sending.close()  # ends the watcher
        watcher.join()
        receiving.close()


def _watch(receiving: socket.socket, native: _NativeHandlers, restore_terminal: Callable[[], None]) -> None:
    first = None
    has_told = False
    while True:
        waiting = None if first is None or has_told else PATIENCE_S
        if not select.select([receiving], [], [], waiting)[0]:
            has_told = True
            _tell("still busy; press Ctrl-C again to end at once")
            continue
        numbers = [number for number in receiving.recv(256) or b"\0" if number in (0, *SIGNALS)]
        if 0 in numbers:
            return
        for number in numbers:
            if first is None:
                first = monotonic()
                native.take_over()
            elif monotonic() - first > SAME_PRESS_S:
                _end(number, restore_terminal)


def _end(number: int, restore_terminal: Callable[[], None]) -> None:
    # Files that are just being moved are not cut short, unless that takes too long; then the next run finishes it.
    if stop_steps(LONGEST_STEP_S):
        remove_hidden_folders()
    restore_terminal()
    _tell("interrupted again; ended at once")
    os._exit(128 + number)


def _tell(text: str) -> None:
    with suppress(OSError):
        # Not through sys.stderr, whose lock the interrupted code may hold.
        os.write(2, f"{text}\n".encode())


def _terminal_restorer() -> Callable[[], None]:
    """Returns a function that brings the terminal back to how it is now, with a cursor."""
    settings = []
    with suppress(ImportError):  # on Windows
        import termios

        for stream in (0, 1, 2):
            with suppress(OSError, termios.error):
                settings.append((stream, termios.tcgetattr(stream)))

    def restore() -> None:
        for stream, attributes in settings:
            with suppress(OSError, termios.error):
                termios.tcsetattr(stream, termios.TCSANOW, attributes)
        if settings:
            _tell(_SHOW_CURSOR)

    return restore


class _NativeHandlers:
    """Lets the system act on a second signal, until Python's handler takes the signals over again.

    Does nothing without glibc.
    """

    def __init__(self, numbers: list[int]) -> None:
        self._handlers: dict[int, int] = {}
        self._signal: Any = None
        libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
        if not (hasattr(libc, "sysv_signal") and hasattr(signal, "pthread_sigmask")):
            return
        self._signal = libc.signal
        for function in (libc.signal, libc.sysv_signal):
            function.argtypes, function.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        try:
            for number in numbers:
                handler = self._handlers[number] = libc.signal(number, None)
                # As in System V: the handler runs once and leaves the default action behind.
                libc.sysv_signal(number, handler)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def take_over(self) -> None:
        """Lets Python's handler receive the signals from now on. May be called from any thread."""
        for number, handler in self._handlers.items():
            self._signal(number, handler)

    def restore(self) -> None:
        """Installs the handlers as Python does. In the main thread."""
        for number in self._handlers:
            signal.signal(number, signal.getsignal(number))
