"""Draws numbered squares around faces into a picture."""

from __future__ import annotations

from collections.abc import Sequence

from fomm_rt.framing import Region
from fomm_rt.image import Image

COLOURS = ((255, 196, 0), (0, 176, 255), (255, 82, 120), (64, 220, 120))
OUTLINE = (0, 0, 0)


def mark_squares(picture: Image, squares: Sequence[Region]) -> Image:
    """A copy of the picture, (H, W, 3) uint8 RGB, with squares numbered from 1.

    Lines and numbers grow with the picture, so they can be seen when a large one is shown whole.
    """
    import cv2

    marked = picture.copy()
    extent = max(picture.shape[:2])
    thickness = max(1, round(extent / 400))
    passes = ((3 * thickness, OUTLINE), (thickness, None))  # a dark line under a bright one is visible on any picture
    for width, paint in passes:
        for index, square in enumerate(squares):
            corners = (square.x, square.y), (square.x + square.side - 1, square.y + square.side - 1)
            cv2.rectangle(marked, *corners, paint or COLOURS[index % len(COLOURS)], width)
    for width, paint in passes:
        for index, square in enumerate(squares):
            scale = min(extent / 800, square.side / 60)
            place = square.x + 4 * thickness, square.y + 4 * thickness + round(22 * scale)
            text = (str(index + 1), place, cv2.FONT_HERSHEY_SIMPLEX, scale)
            cv2.putText(marked, *text, paint or COLOURS[index % len(COLOURS)], width, cv2.LINE_AA)
    return marked
