"""The page without a mouse and without eyes: keys, focus, names, landmarks, announcements."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from studio_page import LOADED_MS, until, wait_for_result

UNNAMED = """
() => [...document.querySelectorAll('button, a, input, select, summary, video, [role=slider], dialog')]
  .filter(element => element.checkVisibility() && !element.classList.contains('unseen'))
  .filter(element => !(element.ariaLabel || element.textContent.trim() || element.labels?.length
    || element.getAttribute('aria-labelledby')))
  .map(element => element.outerHTML.slice(0, 120))
"""


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {selector}")


def test_everything_from_the_choice_to_the_result_by_keys(page: Page) -> None:
    _tab_to(page, "#picture .thumb")
    page.keyboard.press("Enter")
    expect(page.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)
    _tab_to(page, "#driver .thumb")
    page.keyboard.press("Enter")
    _tab_to(page, "summary")
    page.keyboard.press("Enter")
    page.get_by_label("Length").focus()
    page.keyboard.type("0.2")
    _tab_to(page, "#start")
    page.keyboard.press("Enter")
    expect(page.locator("#result-title")).to_be_focused()
    expect(page.locator("#announcements")).to_have_text("The result is ready.", timeout=LOADED_MS)
    wait_for_result(page)
    page.evaluate("document.querySelector('.outcome video').pause()")
    _tab_to(page, "#result .transport .play")
    page.keyboard.press("Space")
    until(page, "!document.querySelector('.outcome video').paused")
    _tab_to(page, "[data-format=mp4]")
    with page.expect_download(timeout=LOADED_MS) as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".mp4")


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_arrows_go_through_the_tabs(page: Page) -> None:
    page.get_by_role("tab", name="Animate").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Models")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Models")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Animate")).to_be_focused()


def test_the_focus_can_be_seen(page: Page) -> None:
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")


def test_every_control_has_a_name(page: Page) -> None:
    page.locator("#picture .thumb").first.click()
    page.locator("#driver .thumb").first.click()
    page.locator("summary").first.click()
    expect(page.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)
    assert page.evaluate(UNNAMED) == []
    page.get_by_role("tab", name="Models").click()
    page.wait_for_selector(".backends")
    assert page.evaluate(UNNAMED) == []


def test_landmarks_and_headings_lead_through_the_page(page: Page) -> None:
    for role in ("banner", "main", "contentinfo", "tablist"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("1 Picture", "2 Movement", "3 Start"):
        expect(page.get_by_role("region", name=name.split(" ")[1], exact=True)).to_be_visible()
    levels = page.locator("h1:visible, h2:visible, h3:visible").evaluate_all("all => all.map(one => one.localName)")
    assert levels[0] == "h1"
    assert levels.count("h1") == 1


def test_a_press_without_a_choice_is_answered_aloud(page: Page) -> None:
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announcements")).to_have_text("Choose a picture and a film first.")
