"""A studio, and a browser that visits it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from clips import ClipMaker
from fomm_rt.bundled import bundled_avatars
from studio_page import CHROMIUM, Tab, Visit, launch, running_studio, visiting

FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright, if there is a Chromium."""
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is not installed: apt install chromium"
        if os.environ.get("FOMM_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Chromium with a fake camera and a fake microphone, which every page may use."""
    with launch(playwright, *FAKE_CAMERA) as browser:
        yield browser


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory, playwright: Playwright) -> Iterator[str]:  # noqa: ARG001
    """The address of a studio with the bundled model. Tests share it, as the tabs of a user do."""
    with running_studio(tmp_path_factory.mktemp("cache"), "--port", "0") as (_, address):
        yield address


@pytest.fixture
def visit(chromium: Browser, studio: str) -> Iterator[Visit]:
    """Opens the studio in a browser of its own; settings are Playwright's."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(visiting(chromium, studio, **settings))


@pytest.fixture(scope="package")
def tab(chromium: Browser, studio: str) -> Iterator[Tab]:
    """The page that tests share one after the other."""
    with Tab(chromium, studio) as tab:
        # A reload before this would lose the token in the address, which opens the session.
        tab.page.wait_for_selector(".thumb")
        yield tab


@pytest.fixture
def page(tab: Tab) -> Iterator[Page]:
    """The tab Animate as it opens for the first time."""
    tab.begin_again()
    tab.page.wait_for_selector(".thumb")
    yield tab.page
    assert not tab.faults, tab.faults


@pytest.fixture
def face() -> Path:
    """A picture of a drawn face."""
    return bundled_avatars()[0]


@pytest.fixture
def film(make_clip: ClipMaker) -> Path:
    """A driver of 12 frames with sound."""
    return make_clip("film.mp4", audio="aac")


@pytest.fixture
def long_film(make_clip: ClipMaker) -> Path:
    """A driver that takes long enough to look at the job while it runs."""
    return make_clip("long.mp4", frames=900)
