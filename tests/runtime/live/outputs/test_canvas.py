from __future__ import annotations

import numpy as np
import pytest

from fakes.live_control import live_frame
from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.outputs.canvas import Canvas


def _flat(width: int, height: int, value: int = 200) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def test_an_avatar_is_centred_as_large_as_fits() -> None:
    canvas = Canvas((1280, 720)).compose(live_frame(numbered(0b1011000100000001, 256, 256)), is_mirrored=False)
    assert canvas.shape == (720, 1280, 3)
    assert canvas.dtype == np.uint8
    assert number_of(canvas[:, 280:1000]) == 0b1011000100000001


def test_bars_are_a_dark_picture_of_the_avatar() -> None:
    picture = _flat(256, 256)
    picture[:, 128:] = (0, 0, 200)
    canvas = Canvas((1280, 720)).compose(live_frame(picture), is_mirrored=False)
    left, right = canvas[:, :280], canvas[:, 1000:]
    assert left.max() <= 90
    assert left[..., 0].mean() > 60, "the bar on the left has the colour of the left side"
    assert right[..., 0].mean() < 10
    assert right[..., 2].mean() > 60


@pytest.mark.parametrize(
    ("width", "height", "size", "rows", "columns"),
    [
        (256, 256, (1280, 720), (0, 720), (280, 1000)),
        (768, 256, (1280, 720), (146, 573), (0, 1280)),
        (256, 256, (640, 640), (0, 640), (0, 640)),
        (256, 256, (360, 640), (140, 500), (0, 360)),
        (2000, 2000, (64, 64), (0, 64), (0, 64)),
    ],
)
def test_fits_any_picture(
    width: int, height: int, size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    canvas = Canvas(size).compose(live_frame(_flat(width, height)), is_mirrored=False)
    is_picture = (canvas == 200).all(axis=2)
    assert is_picture[slice(*rows), slice(*columns)].all()
    assert is_picture.sum() == (rows[1] - rows[0]) * (columns[1] - columns[0])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 300), (1279, 720), (1280, 719), (3, 2), (4000, 3)])
@pytest.mark.parametrize("driver", ["face", "passthrough"])
def test_odd_and_tiny_pictures(width: int, height: int, driver: str) -> None:
    canvas = Canvas((1280, 720))
    composed = canvas.compose(live_frame(_flat(width, height), driver=driver), is_mirrored=False)  # type: ignore[arg-type]
    assert (composed[359:361, 639:641] == 200).all(axis=2).any()


def test_the_cameras_picture_fills_the_canvas() -> None:
    """4:3 loses its upper and lower edge; nothing is stretched."""
    picture = _flat(640, 480)
    picture[:60] = picture[420:] = 0
    canvas = Canvas((1280, 720)).compose(live_frame(picture, driver="passthrough"), is_mirrored=False)
    assert (canvas[4:-4] == 200).all()


def test_mirrors() -> None:
    canvas = Canvas((64, 64)).compose(live_frame(numbered(0b1011000000000000, 64, 64)), is_mirrored=True)
    assert number_of(canvas) == 0b0000000000001101


def test_a_later_picture_leaves_nothing_of_an_earlier_one() -> None:
    canvas = Canvas((1280, 720))
    canvas.compose(live_frame(_flat(640, 360, 255), driver="passthrough"), is_mirrored=False)
    canvas.compose(live_frame(_flat(768, 256, 50)), is_mirrored=False)
    assert canvas.compose(live_frame(_flat(256, 256, 50)), is_mirrored=False).max() == 50


def test_a_card_without_an_avatar_is_dark() -> None:
    canvas = Canvas((640, 360))
    canvas.compose(live_frame(_flat(256, 256)), is_mirrored=False)
    assert canvas.card(None).max() < 50
    assert number_of(canvas.card(numbered(7777, 96, 96))[:, 140:500]) == 7777


@pytest.mark.parametrize("size", [(641, 360), (640, 361), (14, 16), (9000, 16), (0, 0), (-4, 4)])
def test_sizes_that_video_cannot_have(size: tuple[int, int]) -> None:
    with pytest.raises(OutputError, match=f"expected even sides from 16 to 8192 pixels; got {size[0]}x{size[1]}"):
        Canvas(size)
