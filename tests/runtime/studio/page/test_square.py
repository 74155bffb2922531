"""The squares around the faces of picture and film: found, moved and resized by mouse, touch and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from clips import ClipMaker, write_clip
from fomm_rt.bundled import bundled_avatars
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.picture import write_picture
from studio_page import LOADED_MS, Tab, Visit, newest_job, visiting, wait_for_result


def _two_faces() -> Image:
    """(300, 600, 3) uint8 RGB."""
    faces = [read_picture(path) for path in bundled_avatars()[:2]]
    wall = np.full((300, 600, 3), 128, np.uint8)
    wall[20:276, 20:276], wall[20:276, 320:576] = faces
    return wall


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of two faces."""
    path = tmp_path_factory.mktemp("pictures") / "group.png"
    write_picture(path, _two_faces())
    return path


@pytest.fixture(scope="module")
def filmed_group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of the same two faces."""
    path = tmp_path_factory.mktemp("films") / "group.mp4"
    return write_clip(path, frames=3, size=(600, 300), pixels=lambda _index: _two_faces())


@pytest.fixture(scope="module")
def page(chromium: Browser, studio: str, group: Path, filmed_group: Path) -> Iterator[Page]:
    """A page with a picture and a film of two faces; `square` and `film_square` put both squares back."""
    with visiting(chromium, studio) as page:
        page.wait_for_selector(".thumb")
        page.set_input_files("#picture input[type=file]", group)
        page.set_input_files("#driver input[type=file]", filmed_group)
        for step in ("#picture", "#driver"):
            expect(page.locator(f"{step} .square")).to_be_visible(timeout=LOADED_MS)
        yield page


def _put_back(page: Page) -> None:
    for step in ("#picture", "#driver"):
        for name in ("Take face 1", "Put it back"):
            button = page.locator(step).get_by_role("button", name=name)
            if button.is_visible():
                button.click()


@pytest.fixture
def square(page: Page) -> Locator:
    """The square on the picture of two faces."""
    _put_back(page)
    return page.locator("#picture .square")


@pytest.fixture
def film_square(page: Page) -> Locator:
    """The square on the film of two faces."""
    _put_back(page)
    return page.locator("#driver .square")


def _place(square: Locator) -> dict[str, float]:
    place: dict[str, float] = square.evaluate(
        "({style}) => ({left: parseFloat(style.left), top: parseFloat(style.top), side: parseFloat(style.width)})"
    )
    return place


def _asked(page: Page) -> Any:
    """The options of the job that the page would start now; the request is not sent."""
    page.route("**/api/jobs", lambda route: route.fulfill(status=429, json={"error": "not now"}))
    with page.expect_request("**/api/jobs") as waiting:
        page.click("#start")
    expect(page.locator("#start")).not_to_have_attribute("data-busy", "")  # until then, another press does nothing
    page.unroute("**/api/jobs")
    request: Any = waiting.value.post_data_json
    return request["options"]


def test_the_square_has_a_name_and_a_value(square: Locator) -> None:
    expect(square).to_have_role("slider")
    expect(square).to_have_accessible_name("Frame around the face")
    value = square.get_attribute("aria-valuetext") or ""
    assert "pixels wide" in value
    square.press("ArrowRight")
    assert square.get_attribute("aria-valuetext") != value


def test_arrow_keys_move_it(square: Locator) -> None:
    before = _place(square)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        square.press(key)
    after = _place(square)
    assert after["left"] - before["left"] == pytest.approx(100 * 6 / 600, abs=0.01)
    assert after["side"] == before["side"]


def test_plus_and_minus_resize_it_about_its_middle(square: Locator) -> None:
    before = _place(square)
    for _ in range(3):
        square.press("-")
    after = _place(square)
    assert after["side"] < before["side"]
    middle = [place["left"] + place["side"] / 2 for place in (before, after)]
    assert middle[0] == pytest.approx(middle[1], abs=0.2)


@pytest.mark.parametrize("key", ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "-"])
def test_it_stays_inside_the_picture(square: Locator, key: str) -> None:
    square.evaluate(
        """(square, key) => {
          for (let press = 0; press < 120; press += 1) square.dispatchEvent(new KeyboardEvent("keydown", {key}));
        }""",
        key,
    )
    place = _place(square)
    assert place["left"] >= 0
    assert place["top"] >= 0
    assert place["left"] + place["side"] <= 100.01
    assert place["top"] + 2 * place["side"] <= 100.01  # the picture is twice as wide as high
    assert place["side"] > 0


@pytest.mark.parametrize("which", ["square", "film_square"])
def test_the_mouse_moves_and_resizes_it(page: Page, which: str, request: pytest.FixtureRequest) -> None:
    square: Locator = request.getfixturevalue(which)
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    assert box is not None
    before = _place(square)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 20, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    moved = _place(square)
    assert moved["left"] < before["left"]
    assert moved["side"] == before["side"]
    box = square.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 33, box["y"] + box["height"] - 33, steps=4)
    page.mouse.up()
    resized = _place(square)
    assert resized["side"] < moved["side"]
    assert resized["left"] == moved["left"]


def test_touch_moves_it(visit: Visit, group: Path) -> None:
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.set_input_files("#picture input[type=file]", group)
    square = page.locator("#picture .square")
    expect(square).to_be_visible(timeout=LOADED_MS)
    square.scroll_into_view_if_needed()
    box, before = square.bounding_box(), _place(square)
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    points = [("touchStart", x), ("touchMove", x - 12), ("touchMove", x - 24), ("touchEnd", None)]
    for kind, at in points:
        touches = [] if at is None else [{"x": at, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    assert _place(square)["left"] < before["left"]


def test_a_moved_square_is_used(page: Page, square: Locator) -> None:
    square.press("ArrowRight")
    place = _place(square)
    asked = _asked(page)
    x, _, side = asked["source_square"]
    assert (100 * x / 600, 100 * side / 600) == pytest.approx((place["left"], place["side"]), abs=0.01)
    assert "face" not in asked


def test_an_untouched_square_is_left_to_the_studio(page: Page, square: Locator) -> None:
    assert square.is_visible()
    assert not {"source_square", "driving_square", "face"} & set(_asked(page))


def test_another_face_is_taken_by_its_number(page: Page, square: Locator) -> None:
    before = _place(square)
    page.locator("#picture").get_by_role("button", name="Take face 2").click()
    assert _place(square)["left"] != before["left"]
    assert _asked(page)["face"] == 2


def test_a_moved_square_can_be_put_back(page: Page, square: Locator) -> None:
    before = _place(square)
    square.press("ArrowRight")
    page.locator("#picture").get_by_role("button", name="Put it back").click()
    assert _place(square) == before


def test_the_square_of_a_film_is_moved_by_keys_and_used(page: Page, film_square: Locator) -> None:
    expect(film_square).to_have_role("slider")
    expect(film_square).to_have_accessible_name("Frame around the face in the film")
    for key in ("-", "-", "ArrowRight"):
        film_square.press(key)
    place = _place(film_square)
    asked = _asked(page)
    x, _, side = asked["driving_square"]
    assert (100 * x / 600, 100 * side / 600) == pytest.approx((place["left"], place["side"]), abs=0.01)
    assert "source_square" not in asked


def test_another_face_of_a_film_is_taken_by_its_number(page: Page, film_square: Locator) -> None:
    before = _place(film_square)
    page.locator("#driver").get_by_role("button", name="Take face 2").click()
    place = _place(film_square)
    assert place["left"] > before["left"] + 30
    assert 100 * _asked(page)["driving_square"][0] / 600 == pytest.approx(place["left"], abs=0.01)


def test_a_moved_square_of_a_film_reaches_the_result(page: Page, film_square: Locator) -> None:
    film_square.press("ArrowDown")
    x, y, side = _asked(page)["driving_square"]
    page.click("#start")
    wait_for_result(page)
    assert any(f"group.mp4: square {x},{y},{side},{side}" in note for note in newest_job(page)["result"]["notes"])


@pytest.fixture
def fresh(tab: Tab) -> Iterator[Page]:
    """The page as it opens."""
    tab.begin_again()
    tab.page.wait_for_selector(".thumb")
    yield tab.page
    assert not tab.faults, tab.faults


def test_a_new_film_begins_with_its_own_square(fresh: Page, filmed_group: Path, make_clip: ClipMaker) -> None:
    fresh.locator("#picture .thumb").first.click()
    fresh.set_input_files("#driver input[type=file]", filmed_group)
    square = fresh.locator("#driver .square")
    expect(square).to_be_visible(timeout=LOADED_MS)
    square.press("ArrowDown")
    fresh.set_input_files("#driver input[type=file]", make_clip("wall.mp4", size=(400, 200)))
    expect(fresh.locator("#driver .about .file-name")).to_have_text("wall.mp4", timeout=LOADED_MS)
    expect(fresh.get_by_text("No face is found.")).to_be_visible(timeout=LOADED_MS)
    assert _place(square) == {"left": 25, "top": 0, "side": 50}
    assert "driving_square" not in _asked(fresh)


def test_without_a_face_the_middle_is_offered(fresh: Page, tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    write_picture(path, np.full((200, 400, 3), 90, np.uint8))
    fresh.set_input_files("#picture input[type=file]", path)
    expect(fresh.get_by_text("No face is found.")).to_be_visible(timeout=LOADED_MS)
    assert _place(fresh.locator("#picture .square")) == {"left": 25, "top": 0, "side": 50}
