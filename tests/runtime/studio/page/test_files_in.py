"""Files on their way into the page: chosen, dropped, pasted; wrong, huge, empty and hostile ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from clips import write_clip
from studio_page import LOADED_MS, Visit, ask, until

HOSTILE = '<img src=x onerror="fail()">.png'

DROP = """
async ([selector, kind, names, types, bytes]) => {
  const files = names.map((name, at) => new File([new Uint8Array(bytes[at])], name, {type: types[at]}));
  const moved = new DataTransfer();
  for (const file of files) moved.items.add(file);
  const target = document.querySelector(selector);
  if (kind === "paste") {
    target.dispatchEvent(new ClipboardEvent("paste", {clipboardData: moved, bubbles: true, cancelable: true}));
  } else {
    target.dispatchEvent(new DragEvent("dragover", {dataTransfer: moved, bubbles: true, cancelable: true}));
    target.dispatchEvent(new DragEvent("drop", {dataTransfer: moved, bubbles: true, cancelable: true}));
  }
}
"""


def _bring(page: Page, kind: str, selector: str, *files: tuple[Path, str]) -> None:
    names, types = [path.name for path, _ in files], [mime for _, mime in files]
    page.evaluate(DROP, [selector, kind, names, types, [list(path.read_bytes()) for path, _ in files]])


def test_a_dropped_picture_is_taken(page: Page, face: Path) -> None:
    _bring(page, "drop", "#picture .stage", (face, "image/png"))
    expect(page.locator("#picture .about .file-name")).to_have_text(face.name, timeout=LOADED_MS)


def test_two_files_dropped_anywhere_go_where_they_belong(page: Page, face: Path, film: Path) -> None:
    _bring(page, "drop", "h1", (film, "video/mp4"), (face, "image/png"))
    expect(page.locator("#picture .about .file-name")).to_have_text(face.name, timeout=LOADED_MS)
    expect(page.locator("#driver .about .file-name")).to_have_text(film.name, timeout=LOADED_MS)


def test_a_pasted_picture_is_taken(page: Page, face: Path) -> None:
    _bring(page, "paste", "body", (face, "image/png"))
    expect(page.locator("#picture .about .file-name")).to_have_text(face.name, timeout=LOADED_MS)


@pytest.mark.parametrize(
    ("kind", "lead"), [("picture", "cannot be used as a picture"), ("driver", "cannot be used as a film")]
)
def test_a_file_of_another_kind_is_refused_in_its_place(page: Page, tmp_path: Path, kind: str, lead: str) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no film at all\n" * 50)
    page.set_input_files(f"#{kind} input[type=file]", path)
    problem = page.locator(f"#{kind} > .problem")
    expect(problem).to_contain_text(lead, timeout=LOADED_MS)
    expect(problem).to_contain_text("notes.mp4")
    expect(page.locator(f"#{kind} .empty")).to_be_visible()


def test_what_was_chosen_before_stays_after_a_bad_file(page: Page, face: Path, tmp_path: Path) -> None:
    page.set_input_files("#picture input[type=file]", face)
    expect(page.locator("#picture .square")).to_be_visible(timeout=LOADED_MS)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    page.set_input_files("#picture input[type=file]", bad)
    expect(page.locator("#picture > .problem")).to_be_visible(timeout=LOADED_MS)
    expect(page.locator("#picture .about .file-name")).to_have_text(face.name)
    expect(page.locator("#picture .square")).to_be_visible()


def test_a_refusal_is_told_in_the_language_of_the_page(visit: Visit, tmp_path: Path) -> None:
    page = visit(locale="zh-CN")
    path = tmp_path / "notes.mp4"
    path.write_text("no film at all\n" * 50)
    page.set_input_files("#driver input[type=file]", path)
    detail = page.locator("#driver > .problem .detail")
    expect(detail).to_have_text("“notes.mp4”既不是图片，也不是视频，请选择其他文件。", timeout=LOADED_MS)
    page.get_by_role("button", name="English").click()
    expect(detail).to_contain_text("notes.mp4 is a text file")
    expect(detail).to_have_attribute("lang", "en")


def test_an_empty_file_is_refused_at_once(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    page.set_input_files("#picture input[type=file]", path)
    expect(page.locator("#picture > .problem")).to_contain_text("This file is empty.")


def test_a_file_over_the_limit_is_refused_before_it_is_sent(page: Page, face: Path) -> None:
    status = ask(page, "/api/status")
    status["limits"]["upload_bytes"] = 1000
    page.route("**/api/status", lambda route: route.fulfill(json=status))
    page.reload()
    page.wait_for_selector(".thumb")
    until(page, "document.getElementById('running-on').textContent !== ''")
    page.set_input_files("#picture input[type=file]", face)
    expect(page.locator("#picture > .problem")).to_contain_text("at most 1 kB fit")


@pytest.mark.parametrize(
    ("status", "words"), [(507, "There is no room left"), (413, "too large"), (429, "too much to do")]
)
def test_a_refusal_of_the_studio_is_put_in_words(page: Page, face: Path, status: int, words: str) -> None:
    refusal = {"error": "its own sentence"}
    page.route("**/api/uploads*", lambda route: route.fulfill(status=status, json=refusal))
    page.set_input_files("#picture input[type=file]", face)
    expect(page.locator("#picture > .problem")).to_contain_text(words)
    expect(page.locator("#picture > .problem")).to_contain_text("its own sentence")


def test_an_upload_is_cancelled(page: Page, face: Path) -> None:
    page.route("**/api/uploads*", lambda _route: None)  # never answered
    page.set_input_files("#picture input[type=file]", face)
    page.locator("#picture").get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#picture .empty")).to_be_visible()
    expect(page.locator("#picture > .problem")).to_be_hidden()


def test_a_name_is_shown_and_never_run(page: Page, face: Path, tmp_path: Path) -> None:
    path = tmp_path / HOSTILE
    path.write_bytes(face.read_bytes())
    page.set_input_files("#picture input[type=file]", path)
    expect(page.locator("#picture .about .file-name")).to_have_text(HOSTILE, timeout=LOADED_MS)
    assert page.locator("#picture .about .file-name img").count() == 0


def test_a_cleared_picture_leaves_the_place_empty(page: Page) -> None:
    page.locator("#picture .thumb").first.click()
    page.get_by_role("button", name="Take another picture").click()
    expect(page.locator("#picture .empty")).to_be_visible()
    expect(page.locator("#picture").get_by_role("button", name="Choose a file")).to_be_focused()


def test_a_film_that_the_browser_cannot_play_still_drives(page: Page, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "old.avi", codec="mpeg4")
    page.set_input_files("#driver input[type=file]", path)
    expect(page.locator("#driver").get_by_text("This browser cannot play this film")).to_be_visible(timeout=LOADED_MS)
    assert ask(page, "/api/status")["limits"]["upload_bytes"] > 0
