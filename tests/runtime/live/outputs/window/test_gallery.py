from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.outputs.window.gallery import GalleryLayout, gallery_layout, gallery_panel
from fomm_rt.live.outputs.window.mouse import Mouse
from fomm_rt.live.outputs.window.panel import ACCENT, Box, Style

SIZES = [(320, 320), (512, 512), (720, 720), (1600, 1000), (400, 900)]


def layout_of(
    count: int, page: int | None = None, current: int = 0, size: tuple[int, int] = (720, 720)
) -> GalleryLayout:
    return gallery_layout(count, page, current, Style.of_window(*size), *size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 7, 60])
def test_tiles_lie_apart_within_the_gallery_within_the_window(size: tuple[int, int], count: int) -> None:
    layout = layout_of(count, size=size)
    boxes = [layout.tile_box(number) for number in range(layout.first, layout.end)]
    for box in boxes:
        assert layout.box.contains(box.x, box.y)
        assert layout.box.contains(box.x + box.width - 1, box.y + box.height - 1)
    for one, other in combinations(boxes, 2):
        assert abs(one.x - other.x) > one.width or abs(one.y - other.y) > one.height
    assert layout.box.x >= 0
    assert layout.box.x + layout.box.width <= size[0]
    assert layout.box.y >= 0
    assert layout.box.y + layout.box.height <= size[1]


def test_pages_hold_every_avatar_once() -> None:
    pages = [layout_of(60, page) for page in range(layout_of(60).page_count)]
    assert len(pages) > 1
    assert [number for page in pages for number in range(page.first, page.end)] == list(range(60))
    assert len({page.box for page in pages}) == 1  # nothing jumps
    assert layout_of(60, 99).page == len(pages) - 1


def test_the_page_follows_the_current_avatar() -> None:
    layout = layout_of(60, current=59)
    assert layout.first <= 59 < layout.end
    assert layout_of(60, page=0, current=59).first == 0


def test_points_find_avatars() -> None:
    layout = layout_of(60, page=1)
    box = layout.tile_box(layout.first + 2)
    assert layout.avatar_at(box.x + 3, box.y + 3) == layout.first + 2
    assert layout.avatar_at(box.x - 2, box.y + 3) is None


def test_the_current_avatar_is_framed() -> None:
    thumbnails = [Thumbnail("face", np.zeros((96, 96, 3), np.uint8))] * 5
    layout = layout_of(5, current=2)
    pixels = gallery_panel(layout, thumbnails, 2).pixels
    framed = []
    for number in range(5):
        box = layout.tile_box(number)
        framed.append(bool((pixels[box.y - layout.box.y + 40, box.x - layout.box.x - 2, :3] == ACCENT).all()))
    assert framed == [False, False, True, False, False]


def test_no_avatars_and_a_list_that_became_shorter() -> None:
    assert gallery_panel(layout_of(0), [], 0).pixels.shape[0] > 0
    gallery_panel(layout_of(5), [Thumbnail("face", np.zeros((96, 96, 3), np.uint8))], 4)


def test_a_click_on_a_thumbnail_chooses_and_beside_it_does_nothing() -> None:
    layout, mouse = layout_of(5), Mouse()
    box = layout.tile_box(4)
    assert mouse.press(box.x + 1, box.y + 1, layout) == Command("avatar", 4)
    assert mouse.press(layout.box.x + 1, layout.box.y + 1, layout) is None
    mouse.move(50, 50)
    assert mouse.dragged(Box(0, 0, 100, 100)) == []


def test_dragging_moves_the_square_against_the_pointer() -> None:
    mouse, picture = Mouse(), Box(0, 0, 200, 100)
    mouse.move(9, 9)
    assert mouse.dragged(picture) == []
    assert mouse.press(50, 50, None) is None
    mouse.move(5, 0)
    mouse.move(5, -20)
    assert mouse.dragged(picture) == [Command("move-left", 0.1), Command("move-down", 0.2)]
    assert mouse.dragged(picture) == []
    mouse.move(-500, 0)
    mouse.release()
    mouse.move(-500, 0)
    assert mouse.dragged(picture) == [Command("move-right", 1.0)]


def test_the_wheel_zooms_and_over_the_gallery_turns_pages() -> None:
    layout, mouse = layout_of(60), Mouse()
    assert mouse.wheel(5, 5, 2, layout) == [Command("zoom-in")] * 2
    assert mouse.wheel(5, 5, -1, None) == [Command("zoom-out")]
    over = (layout.box.x + 5, layout.box.y + 5)
    assert mouse.wheel(*over, -1, layout) == []
    assert mouse.page == 1
    mouse.wheel(*over, 5, layout)
    assert mouse.page == 0
