"""The mouse: a click on a thumbnail chooses an avatar, dragging moves the square, the wheel zooms or turns pages."""

from __future__ import annotations

from fomm_rt.live.controls.commands import Command
from fomm_rt.live.outputs.window.gallery import GalleryLayout
from fomm_rt.live.outputs.window.panel import Box


class Mouse:
    """Turns mouse events into commands. Positions are in pixels of the window.

    Attributes:
        page: The page of the gallery that the wheel has turned to; None for that of the current avatar.
    """

    def __init__(self) -> None:
        self.page: int | None = None
        self._is_dragging = False
        self._right = self._down = 0.0

    def press(self, x: float, y: float, gallery: GalleryLayout | None) -> Command | None:
        """The left button was pressed."""
        if gallery is not None and gallery.box.contains(x, y):
            avatar = gallery.avatar_at(x, y)
            return None if avatar is None else Command("avatar", avatar)
        self._is_dragging = True
        return None

    def release(self) -> None:
        """The left button was released."""
        self._is_dragging = False

    def move(self, right: float, down: float) -> None:
        """The mouse was moved by this many pixels."""
        if self._is_dragging:
            self._right += right
            self._down += down

    def wheel(self, x: float, y: float, steps: int, gallery: GalleryLayout | None) -> list[Command]:
        """The wheel was turned, upwards if `steps` is positive."""
        if gallery is not None and gallery.box.contains(x, y):
            self.page = min(max(gallery.page - steps, 0), gallery.page_count - 1)
            return []
        return [Command("zoom-in" if steps > 0 else "zoom-out")] * abs(steps)

    def dragged(self, picture: Box) -> list[Command]:
        """Commands for the drag since the last call: the face follows the pointer.

        The square moves against the pointer, by the pointer's movement as a share of the picture's side.
        """
        side = max(1, min(picture.width, picture.height))
        right, down = min(max(self._right / side, -1.0), 1.0), min(max(self._down / side, -1.0), 1.0)
        self._right = self._down = 0.0
        commands = []
        if right:
            commands.append(Command("move-left" if right > 0 else "move-right", abs(right)))
        if down:
            commands.append(Command("move-up" if down > 0 else "move-down", abs(down)))
        return commands
