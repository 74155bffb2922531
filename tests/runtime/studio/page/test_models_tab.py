"""The tab Models: what is installed, fetching with progress, what runs the model."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from studio_page import LOADED_MS, ask


@pytest.fixture
def models(page: Page) -> Page:
    """The tab as it opens."""
    page.get_by_role("tab", name="Models").click()
    expect(page.locator(".backends")).to_be_visible(timeout=LOADED_MS)
    return page


def _report_fetch(page: Page, fetch: dict[str, Any], problem: str | None = None) -> None:
    """Lets the studio answer as if it fetched vox-adv, because tests download nothing.

    Args:
        page: Whose requests are answered.
        fetch: How far it is.
        problem: What is missing to fetch.
    """

    document = ask(page, "/api/models")
    next(model for model in document["models"] if model["name"] == "vox-adv")["fetch"] = fetch
    document["fetch_problem"] = problem
    page.route("**/api/models", lambda route: route.fulfill(json=document))
    page.route("**/api/models/events", lambda route: route.abort())


FETCH = {
    "state": "running",
    "stage": "downloading vox-adv-cpk.pth.tar",
    "done": 300_000_000,
    "total": 750_000_000,
    "left_s": 12.0,
    "error": None,
}


def test_installed_and_published_models_are_listed(models: Page) -> None:
    cards = models.locator(".model")
    assert cards.count() == len(ask(models, "/api/models")["models"])
    bundled = cards.filter(has_text="Drawn faces")
    expect(bundled.locator(".badge")).to_have_text("Installed")
    expect(bundled.get_by_role("button")).to_have_count(0)  # it cannot be removed
    expect(cards.filter(has_text="The best choice for photographs").get_by_role("button")).to_have_text(
        "Download, 751 MB"
    )


def test_backends_are_listed_with_the_reason(models: Page) -> None:
    backends = ask(models, "/api/models")["backends"]
    rows = models.locator(".backends li")
    assert rows.count() == len(backends)
    for row, backend in zip(rows.all(), backends, strict=True):
        expect(row).to_contain_text(backend["name"])
        if backend["problem"]:
            assert backend["problem"].lower() in row.inner_text().lower()
    expect(models.locator(".backends li.runs")).to_have_count(1)


def test_a_running_fetch_shows_its_progress(page: Page) -> None:
    _report_fetch(page, FETCH)
    page.get_by_role("tab", name="Models").click()
    card = page.locator(".model", has_text="vox-adv").first
    expect(card).to_contain_text("300 MB of 750 MB, 40 %", timeout=LOADED_MS)
    expect(card.get_by_role("progressbar")).to_have_js_property("value", 0.4)
    with page.expect_request("**/api/models/vox-adv/cancel"):
        card.get_by_role("button", name="Cancel", exact=True).click()


def test_a_failed_fetch_says_why_and_can_be_tried_again(page: Page) -> None:
    _report_fetch(page, {**FETCH, "state": "failed", "error": "no source sent the file"})
    page.get_by_role("tab", name="Models").click()
    card = page.locator(".model", has_text="vox-adv").first
    expect(card.get_by_role("alert")).to_contain_text("no source sent the file", timeout=LOADED_MS)
    expect(card.get_by_role("button", name="Download, 751 MB")).to_be_visible()


def test_what_is_missing_to_fetch_is_said_instead_of_trying(page: Page) -> None:
    _report_fetch(page, {**FETCH, "state": "cancelled"}, "torch is missing: pip install torch")
    page.get_by_role("tab", name="Models").click()
    card = page.locator(".model", has_text="vox-adv").first
    card.get_by_role("button").click(timeout=LOADED_MS)
    expect(card.get_by_role("alert")).to_contain_text("pip install torch")


def test_an_unverified_model_is_fetched_after_a_question(page: Page) -> None:
    _report_fetch(page, {**FETCH, "state": "cancelled"})
    page.route("**/api/models/*/fetch", lambda route: route.fulfill(status=202, json={"name": "nemo", "fetch": None}))
    page.get_by_role("tab", name="Models").click()
    page.locator(".model", has_text="Smiling faces").get_by_role("button").click(timeout=LOADED_MS)
    with page.expect_request("**/api/models/nemo/fetch") as waiting:
        page.get_by_role("dialog").get_by_role("button", name="Download it").click()
    assert waiting.value.post_data_json == {"trust": True}


def test_animate_leads_to_a_model_for_photographs(page: Page) -> None:
    expect(page.locator(".caution")).to_contain_text("Knows drawn faces only.")
    page.get_by_role("link", name="Get a model for photographs").click()
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
