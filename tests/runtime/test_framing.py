"""Squares and resampling: aspect ratios are kept, and regions lie within the picture."""

import numpy as np
import pytest

from fomm_rt.errors import ImageError
from fomm_rt.framing import Framing, Region, resample


@pytest.mark.parametrize(
    ("framing", "height", "width", "expected"),
    [
        (Framing(), 100, 100, Region.square(100)),
        (Framing(), 100, 160, Region(30, 0, 100, 100, 0, 0, 100)),
        (Framing(), 161, 100, Region(0, 30, 100, 100, 0, 0, 100)),
        (Framing("fit"), 100, 160, Region(0, 0, 160, 100, 0, 30, 160)),
        (Framing("fit"), 160, 100, Region(0, 0, 100, 160, 30, 0, 160)),
        (Framing(rectangle=(10, 20, 40, 40)), 100, 100, Region(10, 20, 40, 40, 0, 0, 40)),
        (Framing(rectangle=(10, 20, 40, 60)), 100, 100, Region(10, 30, 40, 40, 0, 0, 40)),
        (Framing("fit", (10, 20, 40, 60)), 100, 100, Region(10, 20, 40, 60, 10, 0, 60)),
        (Framing(), 1, 1, Region.square(1)),
    ],
)
def test_region(framing: Framing, height: int, width: int, expected: Region) -> None:
    assert framing.region(height, width) == expected


@pytest.mark.parametrize("rectangle", [(0, 0, 101, 10), (95, 0, 10, 10), (0, 0, 0, 5), (-1, 0, 5, 5)])
def test_rectangle_outside(rectangle: tuple[int, int, int, int]) -> None:
    with pytest.raises(ImageError, match="does not lie within the picture of 100×80"):
        Framing(rectangle=rectangle).region(80, 100)


def circle(height: int, width: int, radius: int) -> np.ndarray:
    y, x = np.ogrid[:height, :width]
    inside = (y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2
    return np.where(inside[..., None], 255, 0).repeat(3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("mode", ["crop", "fit"])
@pytest.mark.parametrize(("height", "width"), [(120, 300), (300, 120), (90, 90), (40, 48)])
def test_circles_stay_circles(mode: str, height: int, width: int) -> None:
    framing = Framing(mode)  # type: ignore[arg-type]
    tolerance = max(2, 1.5 * 128 / framing.region(height, width).side)  # one and a half pixels of the picture
    result = resample(circle(height, width, 15), framing.region(height, width), 128) > 127
    rows, columns = np.flatnonzero(result[..., 0].any(axis=1)), np.flatnonzero(result[..., 0].any(axis=0))
    assert abs(len(rows) - len(columns)) <= tolerance
    assert abs(rows.mean() - 63.5) < tolerance
    assert abs(columns.mean() - 63.5) < tolerance


def test_fit_shows_everything_and_extends_the_edges() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[0], picture[-1] = 200, 100
    result = resample(picture, Framing("fit").region(10, 20), 20)
    assert (result[:6] == 200).all()
    assert (result[-6:] == 100).all()


def test_the_same_size_stays_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(resample(picture, Region.square(64), 64), picture)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4000), (4000, 1), (3, 2)])
@pytest.mark.parametrize("mode", ["crop", "fit"])
def test_extreme_sizes(height: int, width: int, mode: str) -> None:
    picture = np.full((height, width, 3), 7, np.uint8)
    framing = Framing(mode)  # type: ignore[arg-type]
    result = resample(picture, framing.region(height, width), 64)
    assert result.shape == (64, 64, 3)
    assert (result == 7).all()


def test_fit_shows_nothing_outside_its_rectangle() -> None:
    picture = np.full((100, 300, 3), 250, np.uint8)
    picture[40:60, 100:200] = 7
    result = resample(picture, Framing("fit", (100, 40, 100, 20)).region(100, 300), 50)
    assert (result == 7).all()


@pytest.mark.parametrize("width", [7, 100, 101, 333])
def test_percent_are_shares_of_the_picture(width: int) -> None:
    half = width // 2
    left, right = (Framing("fit", (x, 0, 50, 100), "%").region(10, width) for x in (0, 50))
    assert left.x == 0
    assert right.x + right.width == width
    assert left.width + right.width == width
    assert left.width in (half, half + 1)
    whole = Framing("fit", (0, 0, 100, 100), "%").region(10, width)
    assert (whole.width, whole.height) == (width, 10)


def test_percent_reach_as_far_as_pixels() -> None:
    assert Framing(rectangle=(25, 10, 50, 80), unit="%").region(200, 400) == Framing(
        rectangle=(100, 20, 200, 160)
    ).region(200, 400)
    with pytest.raises(ImageError, match="within the picture"):
        Framing(rectangle=(60, 0, 50, 100), unit="%").region(100, 100)
    with pytest.raises(ImageError, match="whole pixels"):
        Framing(rectangle=(0.5, 0, 10, 10))
    with pytest.raises(ImageError, match="finite"):
        Framing(rectangle=(0, 0, float("inf"), 10), unit="%")
    with pytest.raises(ImageError, match="px or %"):
        Framing(rectangle=(0, 0, 10, 10), unit="em")  # type: ignore[arg-type]
