"""Notices that the X server is gone, as after a logout or when an ssh connection breaks.

Xlib would end the process at once: no recording would be finished and no numbers printed. Since libX11 1.7 a program
may go on without its display.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import CFUNCTYPE, byref, c_int, c_void_p
from typing import Any

from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.window.sdl import Library

_ErrorHandler = CFUNCTYPE(c_int, c_void_p)
_ExitHandler = CFUNCTYPE(None, c_void_p, c_void_p)

# Xlib has one error handler for all displays of a process; the default one prints a message. The exit handler of each
# display decides what happens next.
_say_nothing = _ErrorHandler(lambda _display: 0)


class DisplayLoss:
    """Watches the connection of a window to its X server; does nothing on other window systems.

    Attributes:
        has_happened: True once the connection is lost. From then on SDL must not be called: it may wait forever.
    """

    def __init__(self, sdl: Library, window: Any) -> None:
        self.has_happened = False
        self._exit_handler = _ExitHandler(self._note)
        info = sdl.SDL_SysWMinfo()
        sdl.SDL_VERSION(info.version)
        if sdl.SDL_GetCurrentVideoDriver() != b"x11" or not sdl.SDL_GetWindowWMInfo(window, byref(info)):
            return
        try:
            xlib = ctypes.CDLL("libX11.so.6")  # the one that SDL uses
            set_exit_handler = xlib.XSetIOErrorExitHandler
        except (OSError, AttributeError):  # an older libX11
            return
        set_exit_handler.argtypes = [c_void_p, _ExitHandler, c_void_p]
        xlib.XSetIOErrorHandler.argtypes = [_ErrorHandler]
        set_exit_handler(info.info.x11.display, self._exit_handler, None)
        xlib.XSetIOErrorHandler(_say_nothing)

    def check(self) -> None:
        """Raises OutputError if the connection is lost."""
        if self.has_happened:
            raise OutputError(f"the display {os.environ.get('DISPLAY', '')} of the window is gone")

    def _note(self, _display: int | None, _data: int | None) -> None:
        self.has_happened = True
