"""The browser's camera: a photo, a recording with sound, and no camera at all."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Playwright, expect

from studio_page import LOADED_MS, launch, until, visiting, wait_for_result


def test_a_photo_becomes_the_picture(page: Page) -> None:
    page.get_by_role("button", name="Take a photo").click()
    dialog = page.get_by_role("dialog", name="Take a photo")
    dialog.get_by_role("button", name="Take the photo").click()
    dialog.get_by_role("button", name="Use this photo").click()
    expect(page.locator("#picture .about .file-name")).to_have_text("Photo.jpg", timeout=LOADED_MS)
    expect(page.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)


def _record(page: Page, seconds: float) -> None:
    page.get_by_role("button", name="Record yourself").click()
    dialog = page.get_by_role("dialog", name="Record yourself")
    dialog.get_by_role("button", name="Record", exact=True).click()
    until(page, f"document.querySelector('dialog .time').textContent >= '0:0{seconds:.0f}'")
    dialog.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Use this recording").click()


def test_a_recording_with_sound_drives_the_picture(page: Page) -> None:
    _record(page, 1)
    expect(page.locator("#driver .about .file-name")).to_have_text("Recording.webm", timeout=LOADED_MS)
    expect(page.locator("#driver .found").first).to_contain_text("with sound")
    page.locator("#picture .thumb").first.click()
    page.get_by_text("More options").click()
    page.get_by_label("Length").fill("0.2")
    page.click("#start")
    wait_for_result(page)
    expect(page.get_by_role("button", name="Sound off").last).to_be_visible()


def test_a_recording_can_be_made_again(page: Page) -> None:
    page.get_by_role("button", name="Record yourself").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Record", exact=True).click()
    dialog.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Again").click()
    expect(dialog.get_by_role("button", name="Record", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Record yourself")).to_be_focused()


def test_the_camera_is_released_when_the_dialog_closes(page: Page) -> None:
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("button", name="Take the photo")).to_be_enabled(timeout=LOADED_MS)
    page.evaluate("window.tracks = document.querySelector('dialog video').srcObject.getTracks()")
    page.keyboard.press("Escape")
    until(page, "tracks.every(track => track.readyState === 'ended')")


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        (["--use-fake-device-for-media-stream"], "The browser may not use the camera."),
        (["--use-fake-ui-for-media-stream"], "No camera"),
    ],
    ids=["refused", "absent"],
)
def test_without_a_camera_the_dialog_says_why(
    playwright: Playwright, studio: str, switches: list[str], words: str
) -> None:
    with launch(playwright, *switches) as browser, visiting(browser, studio) as page:
        page.get_by_role("button", name="Take a photo").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(words, timeout=LOADED_MS)
        expect(page.get_by_role("button", name="Take the photo")).to_be_disabled()


def test_a_camera_that_another_program_has_is_said_to_be_busy(page: Page) -> None:
    # No switch of Chromium makes a fake camera busy.
    page.evaluate(
        """() => {
          navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("in use", "NotReadableError"));
        }"""
    )
    page.get_by_role("button", name="Record yourself").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Another program may be using it")


def test_a_page_that_is_not_secure_is_told_how_to_get_a_camera(page: Page) -> None:
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("ssh -L")
