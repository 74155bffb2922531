"""Takes the pictures of the studio's page: a finished job in English, the choice of files in Chinese.

python benchmarks/studies/studio_picture.py [--folder docs/pictures]

Both show what comes with the package.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
LONGEST_MS = 600_000
QUALITY = 82
WIDTH, HEIGHT = 1280, 900
HAS_PICTURE = 2
"""`readyState` of a player that shows something."""
SHOWN_S = 1.3
"""Time of the result that is shown: the face is turned and smiles."""


@contextmanager
def running_studio() -> Iterator[str]:
    """Runs a studio for the context; yields its address."""
    command = [sys.executable, "-m", "fomm_rt", "studio", "--no-browser", "--quiet", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def choose(browser: Browser, address: str, avatar: str, **settings: Any) -> Page:
    """Opens the page and chooses an avatar and the performance."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", **settings)
    page.goto(address)
    page.locator(f'#picture .thumb img[src*="avatar:{avatar}"]').click()
    page.locator("#driver .thumb").first.click()
    for step in ("#picture", "#driver"):
        page.locator(f"{step} .square").wait_for(timeout=LONGEST_MS)
    while page.evaluate("document.querySelector('#driver video').readyState") < HAS_PICTURE:
        page.wait_for_timeout(50)
    return page


def finished_job(page: Page, path: Path) -> None:
    """Starts, waits for the result, and takes the picture of the whole page."""
    page.click("#start")
    page.locator("#result .done").wait_for(timeout=LONGEST_MS)
    page.evaluate("document.querySelector('.outcome video').pause()")
    page.locator("#result").get_by_label("Position").fill(str(SHOWN_S))
    page.wait_for_timeout(1500)  # until all players are there
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=path, type="jpeg", quality=QUALITY, full_page=True)


def main() -> None:
    """Takes both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/pictures"))
    given = parser.parse_args()
    with running_studio() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            chinese = choose(browser, address, "long-hair", locale="zh-CN")
            chinese.mouse.move(0, 0)
            chinese.screenshot(path=given.folder / "studio-zh.jpg", type="jpeg", quality=QUALITY)
            finished_job(choose(browser, address, "fox", locale="en-US"), given.folder / "studio.jpg")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
