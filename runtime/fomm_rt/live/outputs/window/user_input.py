"""Turns SDL's events into commands."""

from __future__ import annotations

from ctypes import byref, c_int
from typing import Any

from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Control
from fomm_rt.live.controls.keys import FULL_SCREEN, command_of
from fomm_rt.live.outputs.window.gallery import GalleryLayout
from fomm_rt.live.outputs.window.keyboard import key_name
from fomm_rt.live.outputs.window.mouse import Mouse
from fomm_rt.live.outputs.window.panel import Box
from fomm_rt.live.outputs.window.sdl import Library


class UserInput:
    """Reads events and sends commands.

    Attributes:
        must_draw: The window system has lost what was drawn.
        must_recreate: The renderer has lost its textures.
    """

    def __init__(self, sdl: Library, window: Any, control: Control) -> None:
        self.must_draw = self.must_recreate = False
        self._sdl, self._window, self._control = sdl, window, control
        self._mouse = Mouse()
        self._event = sdl.SDL_Event()
        self._gallery: GalleryLayout | None = None
        self._pixel_ratio = 1.0

    @property
    def page(self) -> int | None:
        """The page of the gallery that the user has turned to; None for that of the current avatar."""
        return self._mouse.page

    def read(self, timeout_s: float, gallery: GalleryLayout | None, picture: Box, pixel_ratio: float) -> None:
        """Handles pending events; waits up to `timeout_s` for the first one.

        Args:
            timeout_s: 0 for no waiting.
            gallery: Where the thumbnails are.
            picture: Where the picture is.
            pixel_ratio: Pixels in one point of the window system.
        """
        self._gallery, self._pixel_ratio = gallery, pixel_ratio
        sdl, event = self._sdl, byref(self._event)
        has_event = sdl.SDL_WaitEventTimeout(event, max(1, round(1e3 * timeout_s))) if timeout_s > 0 else 0
        while has_event or sdl.SDL_PollEvent(event):
            self._handle()
            has_event = 0
        for command in self._mouse.dragged(picture):
            self._send(command)

    def _handle(self) -> None:
        sdl, event = self._sdl, self._event
        if event.type == sdl.SDL_QUIT:
            self._send(Command("quit"))
        elif event.type == sdl.SDL_KEYDOWN:
            self._press(event.key.keysym, is_repeated=bool(event.key.repeat))
        elif event.type == sdl.SDL_MOUSEBUTTONDOWN and event.button.button == sdl.SDL_BUTTON_LEFT:
            x, y = self._in_pixels(event.button.x, event.button.y)
            command = self._mouse.press(x, y, self._gallery)
            if command is not None:
                self._send(command)
        elif event.type == sdl.SDL_MOUSEBUTTONUP and event.button.button == sdl.SDL_BUTTON_LEFT:
            self._mouse.release()
        elif event.type == sdl.SDL_MOUSEMOTION:
            self._mouse.move(*self._in_pixels(event.motion.xrel, event.motion.yrel))
        elif event.type == sdl.SDL_MOUSEWHEEL:
            self._turn_wheel(event.wheel.y)
        elif event.type == sdl.SDL_WINDOWEVENT:
            # Exposed, shown, resized, and moved to a display of another density.
            self.must_draw = True
        elif event.type == sdl.SDL_RENDER_DEVICE_RESET:
            self.must_recreate = True

    def _press(self, keysym: Any, *, is_repeated: bool) -> None:
        key = key_name(keysym.sym, keysym.scancode, keysym.mod)
        if key == FULL_SCREEN and not is_repeated:
            self._change_full_screen()
        elif key is not None:
            command = command_of(key, self._control.state, is_repeated=is_repeated)
            if command == Command("quit") and self._is_full_screen:
                self._change_full_screen()  # as in video players: Escape leaves full screen first
            elif command is not None:
                self._send(command)

    def _turn_wheel(self, steps: int) -> None:
        x, y = c_int(), c_int()
        self._sdl.SDL_GetMouseState(byref(x), byref(y))
        for command in self._mouse.wheel(*self._in_pixels(x.value, y.value), steps, self._gallery):
            self._send(command)

    def _send(self, command: Command) -> None:
        if command.name in ("avatar", "next-avatar", "previous-avatar", "gallery"):
            self._mouse.page = None
        self._control.send(command)

    @property
    def _is_full_screen(self) -> bool:
        return bool(self._sdl.SDL_GetWindowFlags(self._window) & self._sdl.SDL_WINDOW_FULLSCREEN)

    def _change_full_screen(self) -> None:
        flags = 0 if self._is_full_screen else self._sdl.SDL_WINDOW_FULLSCREEN_DESKTOP
        self._sdl.SDL_SetWindowFullscreen(self._window, flags)

    def _in_pixels(self, x: float, y: float) -> tuple[float, float]:
        return x * self._pixel_ratio, y * self._pixel_ratio
