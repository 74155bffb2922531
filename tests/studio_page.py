"""Running a studio, visiting its page, and what people do there, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, ViewportSize, expect

CHROMIUM = Path("/usr/bin/chromium")
STOP_S = 20

LOADED_MS = 60_000
"""How long a busy machine may take to read a file, or to animate a short clip."""

VIEWPORT: ViewportSize = {"width": 1280, "height": 900}

Visit = Callable[..., Page]


def launch(playwright: Playwright, *switches: str) -> Browser:
    """Starts Chromium. Without a sandbox, because root may not have one."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *switches])


@contextmanager
def running_studio(cache: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs `fomm-rt studio`; yields the process and the address that it has printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fomm_rt", "studio", "--no-browser", "--quiet", *options],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(STOP_S)
        process.stdout.close()


@contextmanager
def visiting(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """Opens a page that fails the test at its end if a script failed, or if it went to another host."""
    with Tab(browser, address, **settings) as tab:
        yield tab.page
    assert not tab.faults, tab.faults


class Tab:
    """A page in a context of its own, and what went wrong in it. Opening and closing one takes seconds.

    Attributes:
        page: At the address.
        faults: Errors of scripts, and requests to other hosts.
    """

    def __init__(self, browser: Browser, address: str, **settings: Any) -> None:
        self.faults: list[str] = []
        self._address = address
        self._own = urlsplit(address).netloc
        self._context = browser.new_context(**{"locale": "en-US", "viewport": VIEWPORT, **settings})
        self.page = self._opened()

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_details: object) -> None:
        self._context.close()

    def begin_again(self) -> None:
        """Makes the page one that has just been opened, by a visitor who has a session and has chosen nothing."""
        self.faults.clear()
        if self.page.is_closed():
            self.page = self._opened()
            return
        for other in self._context.pages:
            if other is not self.page:
                other.close()
        self.page.unroute_all()
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(VIEWPORT)
        self.page.evaluate("localStorage.clear(); sessionStorage.clear(); history.replaceState(null, '', '/')")
        self.page.reload()

    def _opened(self) -> Page:
        page = self._context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(error.stack or error.message))
        page.on("request", self._look)
        page.goto(self._address)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def _look(self, request: Request) -> None:
        if not _is_at(request.url, self._own):
            self.faults.append(f"went to {request.url}")


def _is_at(url: str, host: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("blob", "data") or parts.netloc == host


def choose_files(page: Page, picture: Path, driver: Path) -> None:
    """Chooses a picture and a driver, and waits until the studio has looked at them."""
    page.set_input_files("#picture input[type=file]", picture)
    page.set_input_files("#driver input[type=file]", driver)
    expect(page.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)
    expect(page.locator("#driver .slot")).to_be_visible(timeout=LOADED_MS)


def animate(page: Page, picture: Path, driver: Path) -> None:
    """Animates and waits for the result."""
    choose_files(page, picture, driver)
    page.click("#start")
    wait_for_result(page)


def wait_for_result(page: Page) -> None:
    """Waits until the result can be played."""
    page.wait_for_selector(".done", timeout=LOADED_MS)
    until(page, "document.querySelector('.outcome video').readyState > 1")


def until(page: Page, expression: str, argument: Any = None) -> None:
    """Waits until an expression of JavaScript is true; Playwright's own way is against the page's security policy."""
    deadline_s = monotonic() + LOADED_MS / 1000
    while not page.evaluate(expression, argument):
        assert monotonic() < deadline_s, f"never came true: {expression}"
        page.wait_for_timeout(40)


def ask(page: Page, path: str) -> Any:
    """The answer of the studio to a GET by the page."""
    return page.evaluate("path => fetch(path).then(answer => answer.json())", path)


def entry_of(job: dict[str, Any]) -> str:
    """The selector of a job in the history."""
    return f'[data-job="{job["id"]}"]'


def newest_job(page: Page) -> dict[str, Any]:
    """The job that was started last."""
    return cast("dict[str, Any]", ask(page, "/api/jobs")[0])
