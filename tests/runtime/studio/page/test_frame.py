"""The frame of the page: the session, language, colours, tabs, widths, and a studio that is not there."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio_page import LOADED_MS, Visit, running_studio, visiting

FIRST_PAINT_BYTES = 150_000
WIDTHS = [360, 768, 1280]


def test_the_token_leaves_the_address(visit: Visit) -> None:
    page = visit()
    page.wait_for_selector(".thumb")
    assert "token" not in page.url
    assert page.evaluate("document.cookie") == ""  # scripts cannot read the cookie


@pytest.mark.parametrize("address", ["/", "/#token=wrong"])
def test_without_the_token_the_page_says_what_to_open(chromium: Browser, studio: str, address: str) -> None:
    with visiting(chromium, studio.split("/#", maxsplit=1)[0] + address) as page:
        expect(page.get_by_role("heading", name="This page needs the studio's address")).to_be_visible()
        expect(page.locator("#tabs")).to_be_hidden()
        expect(page.locator("#animate")).to_be_hidden()


@pytest.mark.parametrize(
    ("locale", "words"), [("zh-CN", "让图片动起来"), ("zh-TW", "让图片动起来"), ("fr-FR", "Bring a picture to life")]
)
def test_the_browser_chooses_the_language(visit: Visit, locale: str, words: str) -> None:
    expect(visit(locale=locale).get_by_role("heading", level=1)).to_have_text(words)


def test_a_chosen_language_is_used_at_once_and_remembered(page: Page) -> None:
    page.locator("#picture .thumb").first.click()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("让图片动起来")
    expect(page.locator("#picture .about .file-name")).to_have_text("丸子头")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("让图片动起来")


def test_the_chinese_page_shows_no_english(visit: Visit) -> None:
    page = visit(locale="zh-CN")
    page.wait_for_selector(".thumb")
    page.locator("#picture .thumb").first.click()
    page.locator("#driver .thumb").first.click()
    page.get_by_text("更多选项").click()
    words = set(re.findall(r"[A-Za-z][a-z]{2,}", page.locator(".steps").inner_text()))
    assert words == set()


def _paper(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_colours_follow_the_system_and_can_be_chosen(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    dark = _paper(page)
    page.emulate_media(color_scheme="light")
    assert _paper(page) != dark
    page.get_by_role("button", name=re.compile("^Colours as the system")).click()
    page.get_by_role("button", name=re.compile("^Light colours")).click()
    assert _paper(page) == dark
    page.reload()
    assert _paper(page) == dark


@pytest.mark.parametrize("language", ["English", "中文"])
def test_nothing_is_wider_than_the_window(page: Page, language: str) -> None:
    if language != "English":
        page.get_by_role("button", name=language).click()
    page.locator("#picture .thumb").first.click()
    page.locator("#driver .thumb").first.click()
    page.locator("summary").first.click()
    expect(page.locator("#driver .square")).to_be_visible(timeout=LOADED_MS)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        for tab in ("animate", "models"):
            page.locator(f"#tab-{tab}").click()
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") == width, (width, tab)


def test_the_first_paint_is_light(visit: Visit, studio: str) -> None:
    page = visit(color_scheme="light")
    page.wait_for_selector(".thumb")
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.reload()
    page.wait_for_selector(".thumb")
    page.wait_for_timeout(500)
    files = {url: size for url, size in sizes.items() if "/api/" not in url}
    assert f"{studio.split('#', maxsplit=1)[0]}js/main.js" in files
    assert sum(files.values()) <= FIRST_PAINT_BYTES, files


def test_tabs_are_in_the_address_and_keep_their_place(page: Page) -> None:
    page.locator("#picture .thumb").first.click()
    page.get_by_role("tab", name="Models").click()
    assert page.url.endswith("#models")
    page.get_by_role("tab", name="Animate").click()
    expect(page.locator("#picture .slot")).to_be_visible()
    page.get_by_role("tab", name="Models").click()
    page.reload()
    expect(page.get_by_role("tab", name="Models")).to_have_attribute("aria-selected", "true")


def test_it_works_without_webcodecs(visit: Visit) -> None:
    page = visit()
    page.add_init_script("delete window.VideoEncoder; delete window.VideoDecoder")
    page.reload()
    page.wait_for_selector(".thumb")
    assert page.evaluate("'VideoEncoder' in window") is False
    page.locator("#picture .thumb").first.click()
    expect(page.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)


def test_a_stopped_studio_is_missed_and_a_new_one_asks_for_its_address(chromium: Browser, tmp_path: Path) -> None:
    with running_studio(tmp_path, "--port", "0") as (process, address), visiting(chromium, address) as page:
        page.wait_for_selector(".thumb")
        port = address.split(":")[2].split("/")[0]
        process.send_signal(signal.SIGINT)
        process.wait(20)
        page.locator("#picture .thumb").first.click()  # asks for the faces
        expect(page.locator("#banner")).to_contain_text("The studio does not answer.")
        with running_studio(tmp_path, "--port", port):
            heading = page.get_by_role("heading", name="This page needs the studio's address")
            expect(heading).to_be_visible(timeout=LOADED_MS)
            expect(page.locator("#banner")).to_be_hidden()
