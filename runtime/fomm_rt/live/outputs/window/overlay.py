"""The panels over the picture. A panel is drawn again only if its content, its place or its size has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec

from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import Driver
from fomm_rt.live.numbers import Numbers
from fomm_rt.live.outputs.window.gallery import GalleryLayout, gallery_layout, gallery_panel
from fomm_rt.live.outputs.window.help import help_panel
from fomm_rt.live.outputs.window.panel import Box, Panel, Style
from fomm_rt.live.outputs.window.signs import (
    CAMERA_ON_DEMAND,
    CAMERA_WITHOUT_FACE,
    camera_warning,
    messages_panel,
    numbers_panel,
    status_panel,
    statuses,
)

Arguments = ParamSpec("Arguments")

WAITING = "Waiting for the camera. Press ? for all keys"
INSET_SHARE = 0.27
"""Side of the driving face in the corner, as a share of the window's smaller side."""


@dataclass(frozen=True)
class Scene:
    """The contents of the window except the pictures.

    Attributes:
        width, height: Of the window in pixels.
        pixel_ratio: Pixels in one point of the window system: 2 on many displays of high density.
        driver: What the picture shows; None before the first one.
        notice: What the user has just changed.
        page: The page of the gallery that the user has turned to.
    """

    width: int
    height: int
    pixel_ratio: float
    state: LiveState
    driver: Driver | None = None
    numbers: Numbers | None = None
    backend: str = ""
    messages: tuple[str, ...] = ()
    notice: str | None = None
    thumbnails: tuple[Thumbnail, ...] = ()
    page: int | None = None

    @property
    def shows_camera(self) -> bool:
        """True if outputs show the person, or are about to."""
        return self.state.passthrough or self.driver == "passthrough"


class Overlay:
    """Draws the panels of a scene.

    Attributes:
        gallery: Where the thumbnails are, if the gallery is open.
        inset: The corner for the driving face, if it is shown.
    """

    def __init__(self) -> None:
        self.gallery: GalleryLayout | None = None
        self.inset: Box | None = None
        self._drawn: dict[str, tuple[object, Panel]] = {}

    def panels(self, scene: Scene) -> dict[str, Panel]:
        """Name -> panel, from the lowest to the uppermost. A panel that is unchanged is the same object as before."""
        state, width, height = scene.state, scene.width, scene.height
        style = Style.of_window(width, height, scene.pixel_ratio)
        self.gallery, self.inset = None, None
        panels: dict[str, Panel] = {}
        top, bottom = 0, height
        if scene.shows_camera:
            text = CAMERA_ON_DEMAND if state.passthrough else CAMERA_WITHOUT_FACE
            panels["camera"] = self._draw("camera", camera_warning, text, style, width)
            top = panels["camera"].pixels.shape[0]
        if state.shows_help:
            return panels | {"help": self._draw("help", help_panel, style, width, height)}
        if state.shows_numbers and scene.numbers is not None:
            panels["numbers"] = self._draw("numbers", numbers_panel, scene.numbers, scene.backend, style, top, width)
        signs = statuses(state.recording, state.frozen, scene.driver)
        if signs:
            panels["status"] = self._draw("status", status_panel, signs, style, top, width)
        if state.shows_gallery:
            self.gallery = gallery_layout(len(scene.thumbnails), scene.page, state.avatar, style, width, height)
            panels["gallery"] = self._draw("gallery", gallery_panel, self.gallery, scene.thumbnails, state.avatar)
            bottom = self.gallery.box.y
        if (state.shows_driving or state.shows_keypoints) and state.view == "result":  # the views contain it already
            side = round(INSET_SHARE * min(width, height))
            self.inset = Box(width - side - style.gap, bottom - side - style.gap, side, side)
        notice = scene.notice
        if scene.driver is None:
            notice, bottom = WAITING, height // 2
        if notice or scene.messages:
            panels["messages"] = self._draw("messages", messages_panel, notice, scene.messages, style, width, bottom)
        return panels

    def _draw(
        self, name: str, draw: Callable[Arguments, Panel], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Panel:
        content = (args, kwargs)
        drawn = self._drawn.get(name)
        if drawn is None or drawn[0] != content:
            drawn = self._drawn[name] = (content, draw(*args, **kwargs))
        return drawn[1]


def picture_box(width: int, height: int, picture_width: int, picture_height: int) -> Box:
    """The largest box in the middle of a window that keeps the proportions of a picture."""
    scale = min(width / picture_width, height / picture_height)
    box_width, box_height = max(1, round(picture_width * scale)), max(1, round(picture_height * scale))
    return Box((width - box_width) // 2, (height - box_height) // 2, box_width, box_height)
