"""From two files to a downloaded result, and what can be done on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, Page, expect

from clips import ClipMaker, write_clip
from fomm_rt.bundled import bundled_avatars
from studio_page import LOADED_MS, animate, ask, choose_files, entry_of, newest_job, until, visiting, wait_for_result


@pytest.fixture(scope="module")
def job(chromium: Browser, studio: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A job that is done: 12 frames with sound."""
    film = write_clip(tmp_path_factory.mktemp("film") / "film.mp4", audio="aac")
    with visiting(chromium, studio) as page:
        animate(page, bundled_avatars()[0], film)
        return newest_job(page)


@pytest.fixture
def made(page: Page, job: dict[str, Any]) -> Page:
    """The page with the result of the job."""
    page.click(entry_of(job) + " .open")
    wait_for_result(page)
    return page


def _download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download(timeout=LOADED_MS) as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


@pytest.mark.parametrize(("name", "codec"), [("MP4", "h264"), ("WebM", "vp9"), ("GIF", "gif")])
def test_the_result_is_downloaded_whole(made: Page, tmp_path: Path, name: str, codec: str) -> None:
    path = _download(made, name, tmp_path)
    assert path.suffix == f".{name.lower()}"
    with av.open(str(path)) as result:
        assert result.streams.video[0].codec_context.name == codec
        assert sum(1 for _ in result.decode(video=0)) == 12
        assert len(result.streams.audio) == (0 if name == "GIF" else 1)


def test_a_new_visitor_is_told_what_is_missing(page: Page) -> None:
    expect(page.locator("#start-missing")).to_have_text("Choose a picture and a film first.")
    page.locator("#picture .thumb").first.click()
    expect(page.locator("#start-missing")).to_have_text("Choose a film first.")
    page.locator("#driver .thumb").first.click()
    expect(page.locator("#start-missing")).to_be_hidden()
    expect(page.locator("#start")).to_have_attribute("aria-disabled", "false")


def test_options_reach_the_job(page: Page, face: Path, film: Path) -> None:
    choose_files(page, face, film)
    page.get_by_label("Copy the pose").check()
    page.get_by_label("Keep the whole picture").check()
    page.get_by_text("More options").click()
    page.get_by_label("Smoothing").fill("0.5")
    page.get_by_label("Length").fill("0:00.2")
    page.get_by_label("Size of the result").select_option("512")
    page.get_by_label("Keep the film's sound").uncheck()
    page.click("#start")
    wait_for_result(page)
    job = newest_job(page)
    asked = {
        "relative": False,
        "paste_back": True,
        "smooth": 0.5,
        "duration_s": 0.2,
        "output_size": 512,
        "audio": False,
    }
    assert {name: job["options"][name] for name in asked} == asked
    assert (job["result"]["frames"], job["result"]["has_audio"]) == (5, False)


def test_the_reference_can_be_named(page: Page, face: Path, film: Path) -> None:
    choose_files(page, face, film)
    page.get_by_text("More options").click()
    page.get_by_label("Movement counts from").select_option("frame")
    page.get_by_label("Frame number").fill("3")
    page.click("#start")
    wait_for_result(page)
    assert newest_job(page)["options"]["best_frame"] == 3


def test_a_time_that_is_none_is_refused_beside_its_field(page: Page, face: Path, film: Path) -> None:
    choose_files(page, face, film)
    jobs = len(ask(page, "/api/jobs"))
    page.get_by_text("More options").click()
    page.get_by_label("Length").fill("soon")
    page.click("#start")
    expect(page.locator(".wrong:visible")).to_have_text("Write a time such as 5, 2.5 or 1:30.")
    expect(page.get_by_label("Length")).to_be_focused()
    assert len(ask(page, "/api/jobs")) == jobs


def test_the_players_keep_in_step(made: Page) -> None:
    times = "[...document.querySelectorAll('.panes video')].map(video => video.currentTime)"
    until(made, "[...document.querySelectorAll('.panes video')].every(video => video.readyState > 2)")
    made.evaluate("document.querySelector('.outcome video').pause()")
    made.get_by_label("Position").fill("0.32")
    until(made, f"{times}.every(time => Math.abs(time - 0.32) < 0.05)")
    made.get_by_role("button", name="Play", exact=True).click()
    until(made, f"{times}.every(time => time > 0)")
    made.get_by_role("button", name="Pause", exact=True).click()
    until(made, "[...document.querySelectorAll('.panes video')].every(video => video.paused)")


def test_a_part_plays_beside_its_part_of_the_driver(page: Page, face: Path, make_clip: ClipMaker) -> None:
    choose_files(page, face, make_clip("two.mp4", frames=50))
    page.get_by_text("More options").click()
    page.get_by_label("Start", exact=True).fill("1")
    page.get_by_label("Length").fill("0.4")
    page.click("#start")
    wait_for_result(page)
    page.evaluate("document.querySelector('.outcome video').pause()")
    page.locator("#result").get_by_label("Position").fill("0.2")
    until(page, "Math.abs(document.querySelector('.panes .driver video').currentTime - 1.2) < 0.08")


def test_motion_is_used_again(made: Page, job: dict[str, Any]) -> None:
    made.get_by_role("button", name="Use this motion again").click()
    expect(made.locator("#driver .about .file-name")).to_have_text("Motion of film.mp4")
    made.locator("#picture .thumb").last.click()
    made.click("#start")
    until(
        made,
        "id => fetch('/api/jobs').then(a => a.json()).then(jobs => jobs[0].driving === id && jobs[0].state === 'done')",
        job["motion_id"],
    )
    wait_for_result(made)


def test_the_explanation_is_shown(made: Page) -> None:
    made.get_by_role("button", name="How was it made?").click()
    expect(made.locator("#result-title")).to_have_text("How the result was made", timeout=LOADED_MS)
    wait_for_result(made)
    shape = made.evaluate("(v => v.videoWidth / v.videoHeight)(document.querySelector('.outcome video'))")
    assert shape > 1.2  # tiles beside each other, not the result alone


def test_a_job_that_fails_says_why(page: Page, face: Path, film: Path) -> None:
    choose_files(page, face, film)
    page.get_by_text("More options").click()
    page.get_by_label("Start", exact=True).fill("1:00")
    page.click("#start")
    problem = page.locator(".ended .problem")
    expect(problem).to_be_visible(timeout=LOADED_MS)
    expect(problem).to_contain_text("film.mp4")
    assert newest_job(page)["state"] == "failed"


def test_a_running_job_shows_its_progress_and_a_preview(page: Page, face: Path, make_clip: ClipMaker) -> None:
    choose_files(page, face, make_clip("film.mp4", frames=150))
    page.get_by_text("More options").click()
    page.get_by_label("Movement counts from").select_option("first")  # no search before the first frame
    page.click("#start")
    expect(page.locator(".preview img")).to_be_visible(timeout=LOADED_MS)
    expect(page.locator(".preview .symbol")).to_be_hidden()
    expect(page.locator(".running .lead")).to_have_text("Animating…")
    until(page, "document.querySelector('.running progress').value > 0")
    expect(page.locator(".running .hint")).to_contain_text("%")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator(".ended")).to_be_visible(timeout=LOADED_MS)


def test_a_running_job_is_cancelled(page: Page, face: Path, long_film: Path) -> None:
    choose_files(page, face, long_film)
    page.click("#start")
    page.get_by_role("button", name="Cancel", exact=True).click()
    # Not by what the page shows: it may still show the end of an earlier job.
    until(page, "fetch('/api/jobs').then(a => a.json()).then(jobs => jobs[0].state === 'cancelled')")
    expect(page.locator(".ended")).to_contain_text("Cancelled", timeout=LOADED_MS)
    assert newest_job(page)["state"] == "cancelled"
    expect(page.locator("#result-title")).to_be_focused()  # the button that had the focus is gone


def test_a_result_is_deleted_with_its_files(page: Page, face: Path, film: Path) -> None:
    animate(page, face, film)
    job = newest_job(page)
    page.locator("#driver header button").click()  # a choice would keep its file
    expect(page.locator("#driver .empty")).to_be_visible()
    page.locator(entry_of(job)).get_by_role("button").last.click()
    expect(page.locator("#result")).to_be_hidden()
    assert job["id"] not in [other["id"] for other in ask(page, "/api/jobs")]
    until(
        page, "id => fetch(`/api/files/${id}`, {method: 'HEAD'}).then(answer => answer.status === 404)", job["driving"]
    )


def test_one_press_starts_one_job(page: Page, face: Path, film: Path) -> None:
    choose_files(page, face, film)
    before = len(ask(page, "/api/jobs"))
    page.evaluate("for (let press = 0; press < 5; press += 1) document.getElementById('start').click()")
    wait_for_result(page)
    assert len(ask(page, "/api/jobs")) == before + 1
