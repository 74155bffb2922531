"""The gallery: thumbnails at the bottom of the window, in pages if there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.outputs.window.panel import ACCENT, DIM, RAISED, SHADE, SOLID, WHITE, Box, Canvas, Panel, Style
from fomm_rt.live.outputs.window.text import BOLD, line_height, shortened, width_of

LARGEST_SHARE = 0.55
"""Largest share of the window's height that the gallery takes."""
DIGITS = 9


@dataclass(frozen=True)
class GalleryLayout:
    """Where thumbnails are in a window.

    Attributes:
        box: The whole gallery.
        tile: Side of a thumbnail.
        columns: Thumbnails in a row.
        first, end: Numbers of the avatars on this page, `end` not included.
        page, page_count: From 0.
    """

    box: Box
    tile: int
    columns: int
    first: int
    end: int
    page: int
    page_count: int
    style: Style

    def tile_box(self, number: int) -> Box:
        """The thumbnail of an avatar on this page, in pixels of the window."""
        row, column = divmod(number - self.first, self.columns)
        padding, step = self.style.padding, self.tile + self.style.gap
        row_height = self.tile + line_height(self.style.small) + self.style.gap // 2
        return Box(
            self.box.x + padding + column * step,
            self.box.y + padding + self.header + row * row_height,
            self.tile,
            self.tile,
        )

    @property
    def header(self) -> int:
        """Height of the line above the thumbnails; 0 if there is one page."""
        return self.style.line if self.page_count > 1 else 0

    def avatar_at(self, x: float, y: float) -> int | None:
        """Number of the avatar whose thumbnail lies at a point of the window."""
        return next((number for number in range(self.first, self.end) if self.tile_box(number).contains(x, y)), None)


def gallery_layout(count: int, page: int | None, current: int, style: Style, width: int, height: int) -> GalleryLayout:
    """Places the thumbnails of `count` avatars in a window; by default on the page of the current avatar."""
    tile = round(5.2 * style.text)
    step, row_height = tile + style.gap, tile + line_height(style.small) + style.gap // 2
    across = max(1, (width - 2 * style.gap - 2 * style.padding + style.gap) // step)
    down = max(1, int((LARGEST_SHARE * height - 2 * style.padding - style.line) // row_height))
    page_count = max(1, ceil(count / (across * down)))
    columns = min(across, max(1, count))
    page = min(max(current // (columns * down) if page is None else page, 0), page_count - 1)
    first = page * columns * down
    end = min(count, first + columns * down)
    # All pages are as high as the first, so nothing jumps when pages are turned.
    rows = min(down, max(1, ceil(count / columns)))
    header = style.line if page_count > 1 else 0
    inner = max(columns * step - style.gap, 8 * style.text)
    box_height = 2 * style.padding + header + rows * row_height - style.gap // 2
    box_width = inner + 2 * style.padding
    box = Box((width - box_width) // 2, height - box_height - style.gap, box_width, box_height)
    return GalleryLayout(box, tile, columns, first, end, page, page_count, style)


def gallery_panel(layout: GalleryLayout, thumbnails: Sequence[Thumbnail], current: int) -> Panel:
    """Draws a page of the gallery, with a frame around the current avatar and digits on the first nine."""
    style, box = layout.style, layout.box
    canvas = Canvas(box.width, box.height, style.radius, opacity=SOLID)
    if not thumbnails:
        canvas.write(style.padding, style.padding, "No avatars", style.text, DIM)
    if layout.page_count > 1:
        shown = f"{layout.first + 1} – {layout.end} of {len(thumbnails)}"
        canvas.write(style.padding, style.padding // 2, shown, style.text, DIM)
        canvas.write_right(box.width - style.padding, style.padding // 2, "Turn pages with the wheel", style.small, DIM)
    for number in range(layout.first, min(layout.end, len(thumbnails))):
        _draw_tile(canvas, layout, number, thumbnails[number], number == current)
    return Panel(box.x, box.y, canvas.pixels)


def _draw_tile(canvas: Canvas, layout: GalleryLayout, number: int, thumbnail: Thumbnail, is_current: bool) -> None:
    style, tile = layout.style, layout.tile
    window_box = layout.tile_box(number)
    x, y = window_box.x - layout.box.x, window_box.y - layout.box.y
    frame = max(2, round(0.2 * style.text))
    if is_current:
        canvas.fill(Box(x - frame, y - frame, tile + 2 * frame, tile + 2 * frame), frame, ACCENT)
    interpolation = cv2.INTER_AREA if tile < len(thumbnail.picture) else cv2.INTER_LINEAR
    picture = cv2.resize(thumbnail.picture, (tile, tile), interpolation=interpolation)
    canvas.place(x, y, np.asarray(picture, np.uint8))
    if number < DIGITS:
        cap = round(1.4 * style.small)
        canvas.fill(Box(x, y, cap, cap), style.radius // 2, ACCENT if is_current else RAISED)
        digit, colour = str(number + 1), SHADE if is_current else WHITE
        left = x + (cap - width_of(digit, style.small, BOLD)) // 2
        canvas.write(left, y, digit, style.small, colour, BOLD)
    name = shortened(thumbnail.name, style.small, tile)
    left = x + (tile - width_of(name, style.small)) // 2
    canvas.write(left, y + tile + frame // 2, name, style.small, WHITE if is_current else DIM)
