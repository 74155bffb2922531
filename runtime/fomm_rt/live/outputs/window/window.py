"""The window: shows the avatar and the settings, and turns keys and mouse into commands."""

from __future__ import annotations

import logging
from time import perf_counter

from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.window.observer import Observer
from fomm_rt.live.outputs.window.overlay import Overlay, Scene, picture_box
from fomm_rt.live.outputs.window.panel import WHITE, Box, Colour
from fomm_rt.live.outputs.window.pictures import driving_face, for_screen, is_mirrored, panel_for_screen, shown_picture
from fomm_rt.live.outputs.window.renderer import RendererError
from fomm_rt.live.outputs.window.sdl_output import SdlOutput
from fomm_rt.live.outputs.window.sdl_window import SdlWindow
from fomm_rt.live.outputs.window.user_input import UserInput

BORDER: Colour = (11, 12, 14)
SLICE_S = 0.04
"""Between waits of this length, Python's signal handlers run and changes of the state are seen."""

logger = logging.getLogger("fomm_rt")


class Window(SdlOutput):
    """Shows frames in a window, and sends the user's commands to the session."""

    name = "window"

    def __init__(self, title: str = "fomm-rt live") -> None:
        super().__init__()
        self._title = title
        self._shown_title = ""
        self._observer: Observer
        self._input: UserInput
        self._overlay = Overlay()
        self._frame: LiveFrame | None = None
        self._scene: Scene | None = None
        self._picture_box = Box(0, 0, 1, 1)

    @override
    def open(self, control: Control) -> None:
        """Opens the window, which says that it waits for the camera until the first frame arrives.

        Raises:
            OutputError: The extra [live] is not installed, there is no display, or nothing can be drawn on it.
        """
        self._window = SdlWindow(self._title)
        self._observer, self._input = Observer(control), UserInput(self._window.sdl, self._window.handle, control)
        try:
            self._draw(perf_counter())
        except OutputError:
            self.close()
            raise

    @override
    def present(self, frame: LiveFrame) -> None:
        self._read_input(0)
        self._frame = frame
        self._draw(perf_counter())

    @override
    def wait(self, timeout_s: float) -> None:
        end_s = perf_counter() + timeout_s
        while True:
            is_woken = self._opened.take_wake()
            left_s = 0.0 if is_woken else end_s - perf_counter()
            self._read_input(min(left_s, SLICE_S))
            self._draw_changes()
            if is_woken or left_s <= 0:
                return

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._opened.size

    def _read_input(self, timeout_s: float) -> None:
        self._input.read(timeout_s, self._overlay.gallery, self._picture_box, self._opened.pixel_ratio)
        self._opened.check_display()

    def _draw_changes(self) -> None:
        now_s = perf_counter()
        if self._input.must_draw or self._input.must_recreate or self._scene_at(now_s) != self._scene:
            self._draw(now_s)

    def _scene_at(self, now_s: float) -> Scene:
        return self._observer.scene(self._opened.size, self._opened.pixel_ratio, self._frame, self._input.page, now_s)

    def _draw(self, now_s: float) -> None:
        if self._input.must_recreate:
            self._opened.renderer.recreate()
        self._input.must_draw = self._input.must_recreate = False
        self._scene = scene = self._scene_at(now_s)
        self._show_title(scene)
        try:
            self._paint(scene, self._frame)
        except RendererError as error:
            logger.warning("the CPU draws the window now, which is slower: %s", error)
            self._opened.renderer.recreate(in_software=True)
            self._paint(scene, self._frame)

    def _paint(self, scene: Scene, frame: LiveFrame | None) -> None:
        renderer = self._opened.renderer
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
        renderer, state = self._opened.renderer, scene.state
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
            self._opened.sdl.SDL_SetWindowTitle(self._opened.handle, title.encode())
            self._shown_title = title
