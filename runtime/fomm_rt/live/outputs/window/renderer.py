"""Textures on the screen: SDL's renderer, on a GPU, or in software where there is none."""

from __future__ import annotations

from ctypes import byref, c_int
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.window.panel import Box, Colour
from fomm_rt.live.outputs.window.sdl import Library, sdl_error


class RendererError(OutputError):
    """Drawing failed, for example because the GPU's driver started again; another renderer may work."""


@dataclass
class _Texture:
    handle: Any
    width: int
    height: int
    content: object


class Renderer:
    """Draws named pictures into boxes of a window, in pixels."""

    def __init__(self, sdl: Library, window: Any) -> None:
        self._sdl, self._window = sdl, window
        self._textures: dict[str, _Texture] = {}
        self._handle: Any = None
        self._create()

    @property
    def is_software(self) -> bool:
        """True if the processor draws."""
        info = self._sdl.SDL_RendererInfo()
        self._sdl.SDL_GetRendererInfo(self._handle, byref(info))
        return bool(info.flags & self._sdl.SDL_RENDERER_SOFTWARE)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window in pixels, which may be more than its size in points."""
        width, height = c_int(), c_int()
        self._sdl.SDL_GetRendererOutputSize(self._handle, byref(width), byref(height))
        return max(1, width.value), max(1, height.value)

    def recreate(self, *, in_software: bool = False) -> None:
        """Makes the renderer again; all textures must be uploaded again.

        Raises:
            RendererError: That fails.
        """
        self.close()
        if in_software:
            self._sdl.SDL_SetHint(self._sdl.SDL_HINT_RENDER_DRIVER, b"software")
            self._sdl.SDL_SetHint(self._sdl.SDL_HINT_FRAMEBUFFER_ACCELERATION, b"0")
        self._create()

    def upload(self, name: str, content: object, pixels: NDArray[np.uint8], *, is_transparent: bool = False) -> None:
        """Puts (h, w, 4) uint8 BGRA pixels into a texture; `content` identifies them for `holds`.

        Raises:
            RendererError: That fails.
        """
        sdl, (height, width) = self._sdl, pixels.shape[:2]
        texture = self._textures.get(name)
        if texture is None or (texture.width, texture.height) != (width, height):
            self.forget(name)
            # Every SDL renderer takes this format without conversion.
            handle = sdl.SDL_CreateTexture(
                self._handle, sdl.SDL_PIXELFORMAT_ARGB8888, sdl.SDL_TEXTUREACCESS_STREAMING, width, height
            )
            if not handle:
                raise self._lost()
            sdl.SDL_SetTextureBlendMode(handle, sdl.SDL_BLENDMODE_BLEND if is_transparent else sdl.SDL_BLENDMODE_NONE)
            texture = self._textures[name] = _Texture(handle, width, height, None)
        if sdl.SDL_UpdateTexture(texture.handle, None, pixels.ctypes.data, pixels.strides[0]) != 0:
            raise self._lost()
        texture.content = content

    def holds(self, name: str, content: object) -> bool:
        """True if an equal `content` was uploaded last."""
        return name in self._textures and self._textures[name].content == content

    def forget(self, name: str) -> None:
        """Frees a texture, if there is one."""
        texture = self._textures.pop(name, None)
        if texture is not None:
            self._sdl.SDL_DestroyTexture(texture.handle)

    def clear(self, colour: Colour) -> None:
        """Fills the window with a colour."""
        self._sdl.SDL_SetRenderDrawColor(self._handle, *colour, 255)
        self._sdl.SDL_RenderClear(self._handle)

    def fill(self, box: Box, colour: Colour) -> None:
        """Fills a box with a colour."""
        self._sdl.SDL_SetRenderDrawColor(self._handle, *colour, 255)
        self._sdl.SDL_RenderFillRect(self._handle, byref(self._sdl.SDL_Rect(*box)))

    def draw(self, name: str, box: Box, opacity: float = 1.0) -> None:
        """Draws a texture, scaled to a box.

        Raises:
            RendererError: That fails.
        """
        sdl, texture = self._sdl, self._textures[name]
        if opacity < 1:
            sdl.SDL_SetTextureBlendMode(texture.handle, sdl.SDL_BLENDMODE_BLEND)
            sdl.SDL_SetTextureAlphaMod(texture.handle, round(255 * opacity))
        if sdl.SDL_RenderCopy(self._handle, texture.handle, None, byref(sdl.SDL_Rect(*box))) != 0:
            raise self._lost()
        if opacity < 1:
            sdl.SDL_SetTextureAlphaMod(texture.handle, 255)

    def show(self) -> None:
        """Presents the drawing."""
        self._sdl.SDL_RenderPresent(self._handle)

    def close(self) -> None:
        """Frees everything."""
        self._textures.clear()  # freed with the renderer
        if self._handle:
            self._sdl.SDL_DestroyRenderer(self._handle)
        self._handle = None

    def _create(self) -> None:
        # Without SDL_RENDERER_PRESENTVSYNC: waiting for the display's next refresh would add up to 16 ms to a frame.
        # Without SDL_RENDERER_ACCELERATED: SDL draws in software if no GPU can.
        self._handle = self._sdl.SDL_CreateRenderer(self._window, -1, 0)
        if not self._handle:
            raise self._lost()

    def _lost(self) -> RendererError:
        return RendererError(f"the window cannot be drawn: {sdl_error(self._sdl)}; go without it: --no-window")
