"""The tab Live and the clean view, in a browser with a fake camera."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, expect

from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.image import Image
from studio_page import LOADED_MS, Visit, launch, until, visiting

NUMBERS = ".live-numbers"
AVATAR = "canvas.avatar"
FILM_FRAMES = 600
"""Of what a fake camera shows, 30 a second."""


def go_live(page: Page) -> None:
    page.get_by_role("tab", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator(NUMBERS)).to_contain_text("from camera to picture", timeout=LOADED_MS)


def shown(page: Page, canvas: str = AVATAR) -> Image:
    """What a canvas shows, (H, W, 3) uint8."""
    url = page.evaluate("selector => document.querySelector(selector).toDataURL()", canvas)
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.fixture
def live(page: Page) -> Iterator[Page]:
    """A page that is live. At the end it stops, so that the next one finds a free studio."""
    go_live(page)
    yield page
    stop = page.get_by_role("button", name="Stop", exact=True)
    if stop.is_visible():
        stop.click()


def test_an_avatar_is_shown_until_it_is_stopped(live: Page) -> None:
    picture = shown(live)
    assert picture.shape == (256, 256, 3)
    assert picture.std() > 20
    live.evaluate("window.tracks = document.querySelector('#live video').srcObject.getTracks()")
    live.get_by_role("button", name="Stop", exact=True).click()
    expect(live.get_by_role("button", name="Start the camera")).to_be_focused()
    until(live, "tracks.every(track => track.readyState === 'ended')")


def test_keys_and_buttons_do_the_same(live: Page) -> None:
    avatars = live.locator(".live-avatar")
    expect(avatars).to_have_count(7, timeout=LOADED_MS)
    live.keyboard.press("d")
    expect(avatars.nth(1)).to_have_attribute("aria-pressed", "true")
    live.keyboard.press("4")
    expect(avatars.nth(3)).to_have_attribute("aria-pressed", "true")
    avatars.nth(0).click()
    expect(avatars.nth(0)).to_have_attribute("aria-pressed", "true")
    relative = live.get_by_role("button", name="Relative motion")
    relative.click()
    expect(relative).to_have_attribute("aria-pressed", "false")
    live.keyboard.press("m")
    expect(relative).to_have_attribute("aria-pressed", "true")
    live.keyboard.press("?")
    expect(live.get_by_text("Take this pose as reference")).to_be_visible()


def test_the_person_is_shown_on_demand_and_with_a_warning(live: Page) -> None:
    warning = live.get_by_text("You are visible")
    expect(warning).to_be_hidden()
    live.keyboard.press("0")
    expect(warning).to_be_visible()
    until(live, "document.querySelector('canvas.avatar').width > 256")
    live.keyboard.press("0")
    expect(warning).to_be_hidden()
    until(live, "document.querySelector('canvas.avatar').width === 256")


def test_a_second_page_is_told_and_can_watch(live: Page, visit: Visit, studio: str) -> None:
    second = visit()
    second.get_by_role("tab", name="Live").click()
    second.get_by_role("button", name="Start the camera").click()
    expect(second.get_by_role("alert").filter(has_text="Another page is live")).to_be_visible(timeout=LOADED_MS)
    expect(live.locator(NUMBERS)).to_contain_text("from camera to picture")
    second.goto(f"{studio.partition('#')[0]}view")
    expect(second.locator("#avatar")).to_be_visible(timeout=LOADED_MS)
    for _ in range(100):  # until the first picture is decoded
        if shown(second, "#avatar").std() > 20:
            return
        second.wait_for_timeout(100)
    raise AssertionError("the view stays empty")


def test_a_snapshot_and_a_recording_are_downloaded(live: Page) -> None:
    with live.expect_download() as snapshot:
        live.keyboard.press("p")
    picture = cv2.imread(str(snapshot.value.path()))
    assert picture is not None
    assert picture.shape == (256, 256, 3)
    record = live.get_by_role("button", name="Record", exact=True)
    record.click()
    expect(record).to_have_attribute("aria-pressed", "true")
    live.wait_for_timeout(1500)
    with live.expect_download() as recording:
        record.click()
    with av.open(str(recording.value.path())) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames > 1  # how many depends on how busy the machine is


def test_without_webcodecs_pictures_are_jpeg(visit: Visit) -> None:
    page = visit()
    page.add_init_script(
        "delete window.VideoEncoder; delete window.VideoDecoder; delete window.MediaStreamTrackProcessor"
    )
    page.reload()
    page.wait_for_selector("[role=tab]")
    go_live(page)
    assert shown(page).std() > 20
    page.get_by_role("button", name="Stop", exact=True).click()


def test_frames_of_the_camera_arrive_in_order(playwright: Playwright, studio: str, tmp_path: Path) -> None:
    """The camera shows numbers, which are read again on the canvas."""
    clip = tmp_path / "numbers.mjpeg"
    with av.open(str(clip), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        for number in range(FILM_FRAMES):
            frame = av.VideoFrame.from_ndarray(numbered(number, 640, 480, in_square=True), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    camera = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    )
    with launch(playwright, *camera) as browser, visiting(browser, studio) as page:
        go_live(page)
        page.keyboard.press("0")
        until(page, "document.querySelector('canvas.avatar').width > 256")
        start_s, found = monotonic(), [number_of(shown(page), in_square=True)]
        while (np.diff(found) > 0).sum() < 4:
            assert monotonic() - start_s < LOADED_MS / 1000, found
            page.wait_for_timeout(150)
            found.append(number_of(shown(page), in_square=True))
        took_s = monotonic() - start_s
        page.get_by_role("button", name="Stop", exact=True).click()
    assert max(found) < FILM_FRAMES
    assert (np.diff(found) < 0).sum() <= 1 + took_s * 30 / FILM_FRAMES, "the film of the camera begins again in between"


def test_a_refused_camera_is_explained(playwright: Playwright, studio: str) -> None:
    with launch(playwright) as browser, visiting(browser, studio) as page:
        page.get_by_role("tab", name="Live").click()
        page.get_by_role("button", name="Start the camera").click()
        expect(page.locator("#live .problem")).to_be_visible(timeout=LOADED_MS)
        expect(page.get_by_role("button", name="Start the camera")).to_be_enabled()


def test_a_closed_page_makes_room(visit: Visit, page: Page) -> None:
    first = visit()
    go_live(first)
    first.close()
    go_live(page)
    page.get_by_role("button", name="Stop", exact=True).click()


def test_in_chinese_and_on_a_phone(visit: Visit) -> None:
    page = visit(locale="zh-CN", viewport={"width": 360, "height": 740})
    page.get_by_role("tab", name="实时").click()
    page.get_by_role("button", name="打开摄像头").click()
    expect(page.locator(NUMBERS)).to_contain_text("毫秒", timeout=LOADED_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="停止").click()
