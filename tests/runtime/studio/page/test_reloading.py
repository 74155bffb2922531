"""Pages that are reloaded, closed or doubled while a job runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from studio_page import LOADED_MS, choose_files, entry_of, newest_job, until


@pytest.fixture
def running(page: Page, face: Path, long_film: Path) -> Page:
    """A page whose job runs; it is cancelled at the end."""
    choose_files(page, face, long_film)
    page.click("#start")
    expect(page.locator(".running progress")).to_be_visible()
    return page


def _cancel(page: Page) -> None:
    page.locator(".running").get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator(".ended")).to_be_visible(timeout=LOADED_MS)


def test_a_reload_finds_the_running_job_and_the_choices(running: Page) -> None:
    job = newest_job(running)
    running.reload()
    expect(running.locator(".running progress")).to_be_visible(timeout=LOADED_MS)
    until(running, "() => document.querySelector('.running progress')?.hasAttribute('value')")
    expect(running.locator("#driver .about .file-name")).to_have_text("long.mp4")
    expect(running.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)
    assert newest_job(running)["id"] == job["id"]
    _cancel(running)
    assert newest_job(running)["state"] == "cancelled"


def test_a_closed_tab_leaves_its_job_to_the_next(running: Page) -> None:
    context: BrowserContext = running.context
    address, job = running.url, newest_job(running)
    running.close()
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".running progress")).to_be_visible(timeout=LOADED_MS)
    assert newest_job(page)["id"] == job["id"]
    _cancel(page)


def test_two_tabs_see_the_same_job(running: Page) -> None:
    other = running.context.new_page()
    other.goto(running.url)
    expect(other.locator(".running progress")).to_be_visible(timeout=LOADED_MS)
    _cancel(running)
    expect(other.locator(".ended")).to_contain_text("Cancelled", timeout=LOADED_MS)


def test_what_another_tab_deleted_is_gone_here_without_an_error(running: Page) -> None:
    job = newest_job(running)
    other = running.context.new_page()
    other.goto(running.url)
    expect(other.locator(".running progress")).to_be_visible(timeout=LOADED_MS)
    other.locator(entry_of(job)).get_by_role("button").last.click()
    expect(running.locator("#result")).to_be_hidden(timeout=LOADED_MS)
    expect(running.locator(entry_of(job))).to_have_count(0)
