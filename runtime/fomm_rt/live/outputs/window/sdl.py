"""The library SDL: loading it, and its errors in words.

PySDL2 and the library itself are the extra [live].
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from fomm_rt.errors import OutputError

INSTALL = 'pip install "fomm-rt[live]"'
WITHOUT_DISPLAY = frozenset({"offscreen", "dummy", "evdev"})
"""Video drivers that SDL falls back to where there is no display; they work, and show nothing."""

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
    failed = sdl.SDL_InitSubSystem(sdl.SDL_INIT_VIDEO) != 0
    driver = "" if failed else sdl.SDL_GetCurrentVideoDriver().decode()
    if failed or (driver in WITHOUT_DISPLAY and driver not in os.environ.get("SDL_VIDEODRIVER", "")):
        reason = sdl_error(sdl) if failed else ""
        sdl.SDL_QuitSubSystem(sdl.SDL_INIT_VIDEO)
        raise OutputError(no_display(os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"), reason))


def no_display(display: str | None, wayland_display: str | None, reason: str = "") -> str:
    """Why there is no window, and what to do, in a sentence."""
    if not display and not wayland_display:
        found = "neither DISPLAY nor WAYLAND_DISPLAY is set" if os.name == "posix" else reason or "SDL found none"
    else:
        found = f"the display {display or wayland_display} cannot be reached" + (f" ({reason})" if reason else "")
    return (
        f"a window needs a display, and {found}; start this in a desktop session, over ssh with ssh -X, "
        "or go without a window: --no-window"
    )


def sdl_error(sdl: Library) -> str:
    """What SDL says about its last failure."""
    return sdl.SDL_GetError().decode(errors="replace") or "SDL gives no reason"
