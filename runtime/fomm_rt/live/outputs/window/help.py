"""The help: all keys, in as many columns as fit."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np

from fomm_rt.live.controls.keys import GROUPS, KeyGroup, KeyRow
from fomm_rt.live.outputs.window.panel import ACCENT, RAISED, SOLID, WHITE, Box, Canvas, Panel, Style
from fomm_rt.live.outputs.window.text import BOLD, line_height, width_of

SMALLEST_TEXT = 9
"""If text of this size does not fit, the drawn help is scaled down as a whole."""


def help_panel(style: Style, width: int, height: int) -> Panel:
    """The help in the middle of a window of this size, with the largest text with which all of it fits."""
    room_x, room_y = max(1, width - 2 * style.gap), max(1, height - 2 * style.gap)
    layouts = (
        _Layout(size, columns)
        for size in range(style.text, SMALLEST_TEXT - 1, -1)
        for columns in range(1, len(GROUPS) + 1)
    )
    layout = next((layout for layout in layouts if layout.width <= room_x and layout.height <= room_y), None)
    if layout is not None:
        pixels = layout.draw(style.radius).pixels
    else:
        pixels = _Layout(SMALLEST_TEXT, 2).draw(style.radius).pixels
        scale = min(room_x / pixels.shape[1], room_y / pixels.shape[0])
        size = (max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Panel((width - pixels.shape[1]) // 2, (height - pixels.shape[0]) // 2, pixels)


class _Layout:
    """The groups of keys in columns, in text of one size, which all distances follow."""

    def __init__(self, size: int, column_count: int) -> None:
        self._size = size
        self._line, self._title_line, self._group_gap, self._margin = (
            round(share * size) for share in (1.55, 1.7, 0.8, 2.0)
        )
        rows = [row for group in GROUPS for row in group.rows]
        self._keys_width = max(sum(self._key_step(key) for key in _keys_of(row)) for row in rows) + size // 2
        self._column_width = self._keys_width + max(width_of(row.text, size) for row in rows)
        self._columns = min(_splits(column_count), key=self._height_of)
        self.width = column_count * (self._column_width + self._margin) + self._margin
        self.height = self._height_of(self._columns)

    def draw(self, radius: int) -> Canvas:
        """Draws all of it."""
        canvas = Canvas(self.width, self.height, radius, opacity=SOLID)
        for index, column in enumerate(self._columns):
            x, y = self._margin + index * (self._column_width + self._margin), self._margin
            for group in column:
                canvas.write(x, y, group.title, self._size, ACCENT, BOLD)
                for number, row in enumerate(group.rows):
                    self._draw_row(canvas, row, x, y + self._title_line + number * self._line)
                y += self._group_height(group) + self._group_gap
        return canvas

    def _draw_row(self, canvas: Canvas, row: KeyRow, x: int, y: int) -> None:
        size, left = self._size, x
        for key in _keys_of(row):
            step = self._key_step(key)
            canvas.fill(Box(left, y, step - size // 4, round(1.34 * size)), round(0.3 * size), RAISED)
            canvas.write(left + (step - size // 4 - width_of(key, size, BOLD)) // 2, y, key, size, WHITE, BOLD)
            left += step
        canvas.write(x + self._keys_width, y, row.text, size)

    def _key_step(self, key: str) -> int:
        return width_of(key, self._size, BOLD) + self._size

    def _group_height(self, group: KeyGroup) -> int:
        return self._title_line + (len(group.rows) - 1) * self._line + line_height(self._size)

    def _height_of(self, columns: list[tuple[KeyGroup, ...]]) -> int:
        heights = [sum(map(self._group_height, column)) + (len(column) - 1) * self._group_gap for column in columns]
        return max(heights) + 2 * self._margin


def _keys_of(row: KeyRow) -> list[str]:
    return row.label.split("  ")


def _splits(count: int) -> list[list[tuple[KeyGroup, ...]]]:
    """All ways to put the groups into `count` columns without changing their order."""
    return [
        [GROUPS[start:end] for start, end in zip((0, *ends), (*ends, len(GROUPS)), strict=True)]
        for ends in combinations(range(1, len(GROUPS)), count - 1)
    ]
