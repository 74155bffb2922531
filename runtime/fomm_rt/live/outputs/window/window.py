"""The window: shows the avatar and what the user has set, and turns keys and the mouse into commands."""

from __future__ import annotations

import logging
from ctypes import byref, c_int
from threading import Lock
from time import perf_counter
from typing import Any

from fomm_rt.errors import OutputError
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.protocol import MainThreadOutput
from fomm_rt.live.outputs.window.observer import Observer
from fomm_rt.live.outputs.window.overlay import Overlay, Scene, picture_box
from fomm_rt.live.outputs.window.panel import WHITE, Box, Colour
from fomm_rt.live.outputs.window.pictures import driving_face, for_screen, is_mirrored, panel_for_screen, shown_picture
from fomm_rt.live.outputs.window.renderer import Renderer, RendererError
from fomm_rt.live.outputs.window.sdl import Library, load_sdl, sdl_error, start_video
from fomm_rt.live.outputs.window.user_input import UserInput

FIRST_SIZE, SMALLEST_SIZE = 720, 320
"""In points of the window system."""
SCREEN_SHARE = 0.8
"""Of the screen's height that the window takes at most at first."""
BORDER: Colour = (11, 12, 14)
SLICE_S = 0.04
"""Between waits of this length, Python's signal handlers run and changes of the state are seen."""

logger = logging.getLogger("fomm_rt")


class Window(MainThreadOutput):
    """Shows frames in a window, and sends what the user does to the session."""

    name = "window"
    records = False
    repeat_interval_s = None

    def __init__(self, title: str = "fomm-rt live") -> None:
        self._title = title
        self._shown_title = ""
        self._sdl: Library = None
        self._window: Any = None
        self._renderer: Renderer
        self._observer: Observer
        self._input: UserInput
        self._overlay = Overlay()
        self._frame: LiveFrame | None = None
        self._scene: Scene | None = None
        self._picture_box = Box(0, 0, 1, 1)
        self._wake_lock = Lock()
        self._is_woken = False
        self._wake_type = 0

    def open(self, control: Control) -> None:
        """Opens the window; it says that it waits for the camera until the first frame comes.

        Raises:
            OutputError: The extra [live] is not installed, there is no display, or nothing can be drawn on it.
        """
        sdl = load_sdl()
        start_video(sdl)
        self._sdl = sdl
        sdl.SDL_StopTextInput()  # keys are keys here: input methods must not take them
        self._window = self._create_window()
        self._renderer = Renderer(sdl, self._window)
        self._observer, self._input = Observer(control), UserInput(sdl, self._window, control)
        with self._wake_lock:
            self._wake_type = sdl.SDL_RegisterEvents(1)
        self._draw(perf_counter())

    def present(self, frame: LiveFrame) -> None:
        """Shows a frame.

        Raises:
            OutputError: The renderer fails, also in software.
        """
        self._read_input(0)
        self._frame = frame
        self._draw(perf_counter())

    def wait(self, timeout_s: float) -> None:
        """Handles what the user does; see `MainThreadOutput.wait`.

        Raises:
            OutputError: The renderer fails, also in software.
        """
        end_s = perf_counter() + timeout_s
        while True:
            is_woken = self._take_wake()
            left_s = 0.0 if is_woken else end_s - perf_counter()
            self._read_input(min(left_s, SLICE_S))
            self._draw_changes()
            if is_woken or left_s <= 0:
                return

    def wake(self) -> None:
        """Ends the `wait` that runs, or else the next one."""
        with self._wake_lock:
            if self._is_woken or not self._wake_type:
                return
            self._is_woken = True
            event = self._sdl.SDL_Event()
            event.type = self._wake_type
            self._sdl.SDL_PushEvent(byref(event))

    def close(self) -> None:
        """Closes the window."""
        with self._wake_lock:
            self._wake_type = 0
        if self._sdl is None:
            return
        if hasattr(self, "_renderer"):
            self._renderer.close()
        if self._window:
            self._sdl.SDL_DestroyWindow(self._window)
        self._sdl.SDL_QuitSubSystem(self._sdl.SDL_INIT_VIDEO)
        self._sdl = self._window = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._renderer.size

    def _create_window(self) -> Any:
        sdl = self._sdl
        screen = sdl.SDL_Rect()
        has_screen = sdl.SDL_GetDisplayUsableBounds(0, byref(screen)) == 0
        side = min(FIRST_SIZE, round(SCREEN_SHARE * min(screen.w, screen.h))) if has_screen else FIRST_SIZE
        flags = sdl.SDL_WINDOW_RESIZABLE | sdl.SDL_WINDOW_ALLOW_HIGHDPI
        centre = sdl.SDL_WINDOWPOS_CENTERED
        window = sdl.SDL_CreateWindow(self._title.encode(), centre, centre, side, side, flags)
        if not window:
            raise OutputError(f"a window cannot be opened: {sdl_error(sdl)}; go without it: --no-window")
        sdl.SDL_SetWindowMinimumSize(window, SMALLEST_SIZE, SMALLEST_SIZE)
        return window

    def _take_wake(self) -> bool:
        with self._wake_lock:
            is_woken, self._is_woken = self._is_woken, False
        return is_woken

    def _read_input(self, timeout_s: float) -> None:
        self._input.read(timeout_s, self._overlay.gallery, self._picture_box, self._pixel_ratio())

    def _draw_changes(self) -> None:
        now_s = perf_counter()
        if self._input.must_draw or self._input.must_recreate or self._scene_at(now_s) != self._scene:
            self._draw(now_s)

    def _scene_at(self, now_s: float) -> Scene:
        return self._observer.scene(self._renderer.size, self._pixel_ratio(), self._frame, self._input.page, now_s)

    def _pixel_ratio(self) -> float:
        width = c_int()
        self._sdl.SDL_GetWindowSize(self._window, byref(width), None)
        return self._renderer.size[0] / max(1, width.value)

    def _draw(self, now_s: float) -> None:
        if self._input.must_recreate:
            self._renderer.recreate()
        self._input.must_draw = self._input.must_recreate = False
        self._scene = scene = self._scene_at(now_s)
        self._show_title(scene)
        try:
            self._paint(scene, self._frame)
        except RendererError as error:
            logger.warning("the window is drawn by the processor now, which is slower: %s", error)
            self._renderer.recreate(in_software=True)
            self._paint(scene, self._frame)

    def _paint(self, scene: Scene, frame: LiveFrame | None) -> None:
        renderer = self._renderer
        renderer.clear(BORDER)
        panels = self._overlay.panels(scene)
        if frame is not None:
            self._paint_frame(scene, frame)
        for name, panel in panels.items():
            if not renderer.holds(name, panel):
                renderer.upload(name, panel, panel_for_screen(panel.pixels), is_transparent=True)
            renderer.draw(name, panel.box)
        renderer.show()

    def _paint_frame(self, scene: Scene, frame: LiveFrame) -> None:
        renderer, state = self._renderer, scene.state
        picture, mirrored = shown_picture(frame), is_mirrored(frame, state.mirror_preview)
        if not renderer.holds("picture", (frame, mirrored)):
            renderer.upload("picture", (frame, mirrored), for_screen(picture, mirrored))
        self._picture_box = picture_box(scene.width, scene.height, *picture.shape[1::-1])
        renderer.draw("picture", self._picture_box)
        lies_on_top = state.overlay_opacity > 0 and frame.view_picture is None and frame.driver != "passthrough"
        if not lies_on_top and self._overlay.inset is None:
            return
        content = (frame, state.mirror_preview, state.shows_keypoints)
        if not renderer.holds("driving", content):
            renderer.upload("driving", content, driving_face(frame, state.mirror_preview, state.shows_keypoints))
        if lies_on_top:
            square = picture_box(*self._picture_box[2:], *frame.driving.shape[1::-1])
            x, y = self._picture_box.x + square.x, self._picture_box.y + square.y
            renderer.draw("driving", square._replace(x=x, y=y), state.overlay_opacity)
        if self._overlay.inset is not None:
            inset = self._overlay.inset
            renderer.fill(Box(inset.x - 2, inset.y - 2, inset.width + 4, inset.height + 4), WHITE)
            renderer.draw("driving", inset)

    def _show_title(self, scene: Scene) -> None:
        number, names = scene.state.avatar, scene.thumbnails
        title = f"{names[number].name} – {self._title}" if number < len(names) else self._title
        if title != self._shown_title:
            self._sdl.SDL_SetWindowTitle(self._window, title.encode())
            self._shown_title = title
