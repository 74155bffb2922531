"""A window of SDL with its renderer, and a way for other threads to end a wait for events."""

from __future__ import annotations

from ctypes import byref, c_int
from threading import Lock
from typing import Any

from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.window.display_loss import DisplayLoss
from fomm_rt.live.outputs.window.renderer import Renderer
from fomm_rt.live.outputs.window.sdl import Library, load_sdl, sdl_error, start_video

FIRST_SIZE, SMALLEST_SIZE = 720, 320
"""In points of the window system."""
SCREEN_SHARE = 0.8
"""Largest share of the screen's height that a new window takes."""


class SdlWindow:
    """An open window.

    Args:
        title: Of the window.

    Attributes:
        sdl: The library.
        handle: SDL's window.
        renderer: Draws on it.

    Raises:
        OutputError: The extra [live] is not installed, there is no display, or nothing can be drawn on it.
    """

    def __init__(self, title: str) -> None:
        self.sdl: Library = load_sdl()
        start_video(self.sdl)
        self.handle: Any = None
        try:
            self.sdl.SDL_StopTextInput()  # input methods must not intercept keys
            self.handle = self._create(title)
            self._display_loss = DisplayLoss(self.sdl, self.handle)
            self.renderer = Renderer(self.sdl, self.handle)
        except BaseException:
            self._destroy()
            raise
        self._wake_type = self.sdl.SDL_RegisterEvents(1)
        self._wake_lock = Lock()
        self._is_woken = False
        self._is_closed = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.renderer.size

    @property
    def pixel_ratio(self) -> float:
        """Pixels in one point of the window system."""
        width = c_int()
        self.sdl.SDL_GetWindowSize(self.handle, byref(width), None)
        return self.size[0] / max(1, width.value)

    def check_display(self) -> None:
        """Raises OutputError if the display is gone; from then on only `close` and `wake` may be called."""
        self._display_loss.check()

    def wake(self) -> None:
        """Ends a wait for events, from any thread, also after `close`."""
        with self._wake_lock:
            if self._is_woken or self._is_closed or self._display_loss.has_happened:
                return
            self._is_woken = True
            event = self.sdl.SDL_Event()
            event.type = self._wake_type
            self.sdl.SDL_PushEvent(byref(event))

    def take_wake(self) -> bool:
        """True if `wake` was called since the last time."""
        with self._wake_lock:
            is_woken, self._is_woken = self._is_woken, False
        return is_woken

    def close(self) -> None:
        """Closes the window; does nothing the second time."""
        with self._wake_lock:
            if self._is_closed:
                return
            self._is_closed = True
        if not self._display_loss.has_happened:
            self.renderer.close()
            self._destroy()

    def _create(self, title: str) -> Any:
        sdl = self.sdl
        screen = sdl.SDL_Rect()
        has_screen = sdl.SDL_GetDisplayUsableBounds(0, byref(screen)) == 0
        side = min(FIRST_SIZE, round(SCREEN_SHARE * min(screen.w, screen.h))) if has_screen else FIRST_SIZE
        flags = sdl.SDL_WINDOW_RESIZABLE | sdl.SDL_WINDOW_ALLOW_HIGHDPI
        centre = sdl.SDL_WINDOWPOS_CENTERED
        handle = sdl.SDL_CreateWindow(title.encode(), centre, centre, side, side, flags)
        if not handle:
            raise OutputError(f"a window cannot be opened: {sdl_error(sdl)}; go without it: --no-window")
        sdl.SDL_SetWindowMinimumSize(handle, SMALLEST_SIZE, SMALLEST_SIZE)
        return handle

    def _destroy(self) -> None:
        if self.handle:
            self.sdl.SDL_DestroyWindow(self.handle)
        self.handle = None
        self.sdl.SDL_QuitSubSystem(self.sdl.SDL_INIT_VIDEO)
