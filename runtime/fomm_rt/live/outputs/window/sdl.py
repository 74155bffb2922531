"""Loads SDL and describes its errors.

PySDL2 and the library itself are the extra [live].
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from fomm_rt.errors import OutputError

INSTALL = 'pip install "fomm-rt[live]"'
WITHOUT_DISPLAY = frozenset({"offscreen", "dummy", "evdev"})
"""Video drivers that SDL falls back to without a display; they succeed and show nothing."""

_DRIVERS = {"DISPLAY": "x11", "WAYLAND_DISPLAY": "wayland"}
"""Variable that names a display -> SDL's driver for it."""

Library = Any
"""The module sdl2, which has no types."""


def load_sdl() -> Library:
    """Imports PySDL2.

    Raises:
        OutputError: It is not installed, or without the library.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it uses its own copy of the library
            import sdl2
    except ImportError as error:
        raise OutputError(
            f"a window needs PySDL2 with its library; install them: {INSTALL}, or go without a window: --no-window"
        ) from error
    return sdl2


def start_video(sdl: Library) -> None:
    """Connects to the window system.

    Raises:
        OutputError: There is no display.
    """
    hints = {
        "SDL_NO_SIGNAL_HANDLERS": "1",  # Ctrl-C belongs to Python
        "SDL_RENDER_SCALE_QUALITY": "linear",
        "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # else other windows may tear
        "SDL_WINDOWS_DPI_AWARENESS": "permonitorv2",
        "SDL_WINDOWS_DPI_SCALING": "1",
        "SDL_APP_NAME": "fomm-rt live",
    }
    for name, value in hints.items():
        sdl.SDL_SetHint(name.encode(), value.encode())
    for name in ("SDL_VIDEO_X11_WMCLASS", "SDL_VIDEO_WAYLAND_WMCLASS"):  # read from the environment only
        os.environ.setdefault(name, "fomm-rt")
    _choose_drivers(sdl)
    if sdl.SDL_InitSubSystem(sdl.SDL_INIT_VIDEO) != 0:
        raise _no_display(sdl_error(sdl))
    driver = sdl.SDL_GetCurrentVideoDriver().decode()
    if driver in WITHOUT_DISPLAY and driver not in os.environ.get("SDL_VIDEODRIVER", ""):
        sdl.SDL_QuitSubSystem(sdl.SDL_INIT_VIDEO)
        raise _no_display("there is none")


def _choose_drivers(sdl: Library) -> None:
    """Restricts SDL to displays that the environment names, on systems where it does.

    By itself SDL would also take over a console, or draw into nothing.
    """
    if os.name != "posix" or sys.platform == "darwin" or "SDL_VIDEODRIVER" in os.environ:
        return
    drivers = [driver for name, driver in _DRIVERS.items() if os.environ.get(name)]
    if not drivers:
        raise _no_display(f"neither {' nor '.join(_DRIVERS)} is set")
    sdl.SDL_SetHint(b"SDL_VIDEODRIVER", ",".join(drivers).encode())


def _no_display(reason: str) -> OutputError:
    names = [os.environ[name] for name in _DRIVERS if os.environ.get(name)]
    display = f"display, and {' or '.join(names)} cannot be reached" if names else "display"
    return OutputError(
        f"a window needs a {display} ({reason}); start this in a desktop session, over ssh with ssh -X, "
        "or go without a window: --no-window"
    )


def sdl_error(sdl: Library) -> str:
    """What SDL says about its last failure."""
    return sdl.SDL_GetError().decode(errors="replace") or "SDL gives no reason"
