"""The HTTP interface by plain HTTP: files, jobs, refusals."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from clips import ClipMaker, smooth
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.studio.limits import Limits
from studio_client import Client, running_studio


def png(height: int = 48, width: int = 64) -> bytes:
    return cv2.imencode(".png", smooth(height, width)[..., ::-1])[1].tobytes()


def read(content: bytes, folder: Path, ending: str) -> list[Any]:
    path = folder / f"read{ending}"
    path.write_bytes(content)
    with VideoReader(path) as reader:
        return [frame.pixels for frame in reader]


def test_every_answer_says_what_a_page_may_load(client: Client) -> None:
    for path in ("/", "/api/status", "/api/no-such", "/no-such.js", "/..%2f..%2fsettings.py"):
        answer = client.get(path)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/..%2fapp.py",
        "/%2e%2e/app.py",
        "/js/..%5c..%5capp.py",
        "//etc/passwd",
        "/static/../../app.py",
        "/api/files/..%2f..%2fetc%2fpasswd",
        "/api/files/avatar:..%2ffox",
        "/api/jobs/..%2f..",
        "/%00",
    ],
)
def test_no_path_leads_outside(client: Client, path: str) -> None:
    assert client.get(path).status in (400, 404, 405)


def test_without_the_token_nothing_answers(client: Client) -> None:
    for path in ("/api/status", "/api/gallery", "/api/jobs", "/api/files/avatar:fox", "/api/models"):
        assert client.get(path, Authorization="").status == 401


def test_the_cookie_of_a_session_is_accepted(client: Client) -> None:
    origin = f"http://127.0.0.1:{client.port}"
    refused = client.post("/api/session", {"token": "wrong"}, Authorization="", Origin=origin)
    assert refused.status == 401
    opened = client.post("/api/session", {"token": client.studio.access.token}, Authorization="", Origin=origin)
    assert opened.status == 204
    cookie = opened.headers["set-cookie"].partition(";")[0]
    assert client.get("/api/jobs", Authorization="", Cookie=cookie).status == 200
    assert client.post("/api/jobs", {}, Authorization="", Cookie=cookie).status == 403
    assert client.post("/api/jobs", {}, Authorization="", Cookie=cookie, Origin=origin).status == 400


def test_status_names_the_model_and_what_runs_it(client: Client) -> None:
    status = client.get("/api/status").json
    assert [model["name"] for model in status["models"] if model["is_default"]] == [status["default_model"]]
    assert status["backend"]["name"] == "onnxruntime-cpu"


def test_the_gallery_has_pictures_and_a_driver(client: Client) -> None:
    gallery = client.get("/api/gallery").json
    assert [picture["name"] for picture in gallery["pictures"]] == [path.stem for path in bundled_avatars()]
    (driver,) = gallery["drivers"]
    with VideoReader(bundled_performance()) as reader:
        assert driver["duration_s"] == pytest.approx(float(reader.timing.duration or 0))
        assert driver["has_audio"] is False
    thumbnail = client.get(gallery["pictures"][0]["thumbnail"])
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(thumbnail.content, np.uint8), cv2.IMREAD_COLOR) is not None


def test_ranges_of_a_file(client: Client) -> None:
    whole = bundled_performance().read_bytes()
    answer = client.get("/api/files/driver:performance", Range="bytes=10-19")
    assert (answer.status, answer.content) == (206, whole[10:20])
    assert client.get("/api/files/driver:performance").content == whole


def test_a_picture_is_uploaded_and_deleted(client: Client) -> None:
    answer = client.upload("picture", png(), quote("../../Fotos/Zoë ☕.png"))
    assert answer.status == 201
    upload = answer.json
    assert (upload["name"], upload["width"], upload["height"]) == ("Zoë ☕.png", 64, 48)
    assert (upload["kind"], upload["bytes"], upload["is_motion"]) == ("picture", len(png()), False)
    file = client.get(upload["url"])
    assert (file.content, file.headers["content-type"]) == (png(), "image/png")
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert upload["id"] in [each["id"] for each in client.get("/api/uploads").json["uploads"]]
    assert client.request("DELETE", f"/api/uploads/{upload['id']}").status == 204
    assert client.get(upload["url"]).status == 404
    assert client.request("DELETE", "/api/uploads/avatar:fox").status == 403


def test_a_driver_is_recognized_by_its_content(client: Client, make_clip: ClipMaker) -> None:
    answer = client.upload("driver", make_clip(frames=5, audio="aac"), "holiday.txt")
    assert answer.status == 201, answer.content
    driver = answer.json
    assert (driver["width"], driver["height"], driver["has_audio"]) == (64, 48, True)
    assert driver["duration_s"] == pytest.approx(0.2, abs=0.05)
    assert driver["content_type"] == "video/mp4"


def test_a_recording_lasts_as_long_as_its_sound(client: Client, make_clip: ClipMaker) -> None:
    """A busy browser records sound to the end, but not pictures, and writes no length into the headers."""
    clip = make_clip("live.mkv", frames=10, audio="aac", audio_seconds=2, container_options={"live": "1"})
    assert client.upload("driver", clip, "recording.webm").json["duration_s"] == pytest.approx(2, abs=0.06)


@pytest.mark.parametrize(
    ("kind", "content", "sentence", "code"),
    [
        ("picture", b"", "is empty", "empty_file"),
        ("picture", b"<html>hello</html>", "is a web page, not a picture", "other_kind"),
        ("picture", b"<svg onload='alert(1)'/>", "SVG", "other_kind"),
        ("driver", b"#EXTM3U\nfile:///etc/passwd", "is a playlist", "other_kind"),
        ("driver", b"hello", "is a text file", "other_kind"),
        ("picture", png()[:-40], "not a complete PNG", "unreadable"),
        ("driver", b"\x00" * 5000, "not a video", "unreadable"),
        ("driver", b"PK\x03\x04" + b"\x00" * 100, "ZIP archive", "other_kind"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    client: Client, kind: str, content: bytes, sentence: str, code: str
) -> None:
    before = client.get("/api/uploads").json
    answer = client.upload(kind, content, "mine.bin")
    assert answer.status == 400
    assert sentence in answer.error
    assert answer.error.startswith("mine.bin")
    assert (answer.json["code"], answer.json["values"]) == (code, {"name": "mine.bin"})
    assert client.get("/api/uploads").json == before


def test_an_archive_that_unpacks_to_much_is_refused(client: Client) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("value.npy", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    answer = client.upload("driver", packed.getvalue(), "bomb.npz")
    assert answer.status == 400
    assert "holds more than one can" in answer.error


def test_wrong_requests_are_refused_in_words(client: Client) -> None:
    assert client.post("/api/uploads?kind=poem", b"x").status == 400
    assert "'nothing'" in client.post("/api/jobs", {"source": "nothing", "driving": "nothing"}).error
    for body in (b"", b"{", b"[]", b'{"source": 3}', b"\xff", b"[" * 50_000):
        assert client.post("/api/jobs", body).status == 400
    assert client.post("/api/jobs", b" " * 100_000).status == 413
    assert client.get("/api/jobs/none").status == 404
    assert client.request("PATCH", "/api/jobs").status == 405
    assert client.post("/api/faces", {"id": "avatar:fox", "model": "/etc"}).status == 400


@pytest.mark.parametrize(
    "options",
    [
        {"smooth": 2},
        {"quality": -1},
        {"view": "all"},
        {"face": 0},
        {"no_such": 1},
        {"relative": 1},
        {"output_size": 4},
        {"output_size": [64, 99999]},
        {"source_square": [0, 0, 100000]},
        {"duration_s": 0},
        {"best_frame": "worst"},
        {"model": "../../etc"},
        {"paste_back": True, "view": "panel"},
    ],
)
def test_wrong_options_are_refused(client: Client, options: dict[str, Any]) -> None:
    answer = client.post("/api/jobs", {"source": "avatar:fox", "driving": "driver:performance", "options": options})
    assert answer.status == 400
    assert answer.error


def test_faces_of_a_picture(client: Client) -> None:
    found = client.post("/api/faces", {"id": "avatar:fox"}).json
    assert (found["width"], found["height"]) == (256, 256)
    x, y, side = found["square"]
    assert 0 <= x <= 256 - side
    assert 0 <= y <= 256 - side


def test_faces_of_a_film(client: Client) -> None:
    found = client.post("/api/faces", {"id": "driver:performance"}).json
    assert (found["width"], found["height"]) == (256, 256)
    assert [face["number"] for face in found["faces"]] == [1]


def test_from_two_files_to_a_result(client: Client, make_clip: ClipMaker, tmp_path: Path) -> None:
    source = client.upload("picture", png(), "me.png").json["id"]
    driving = client.upload("driver", make_clip(frames=8, audio="aac"), "talk.mp4").json["id"]
    job = client.submit(source, driving, relative=True, source_square=[0, 0, 48])
    events = client.events(job)
    done = events[-1]
    assert [event["state"] for event in events][-1] == "done", done
    assert done["error"] is None
    assert (done["source_name"], done["driving_name"]) == ("me.png", "talk.mp4")
    result = done["result"]
    assert (result["frames"], result["width"], result["height"], result["has_audio"]) == (8, 64, 64, True)
    assert any("me.png: square 0,0,48,48" in note for note in result["notes"])
    assert not any(str(tmp_path.parents[1]) in note for note in result["notes"])
    film = client.get(result["url"])
    assert film.headers["content-type"] == "video/mp4"
    assert len(read(film.content, tmp_path, ".mp4")) == 8
    assert client.get(done["preview"]).headers["content-type"] == "image/jpeg"
    for ending in ("webm", "gif"):
        converted = client.get(f"{result['url']}?format={ending}&download=1")
        assert converted.headers["content-disposition"].startswith("attachment")
        assert 'filename="me-talk.' in converted.headers["content-disposition"]
        assert len(read(converted.content, tmp_path, f".{ending}")) == 8
    assert client.get(f"{result['url']}?format=exe").status == 400
    assert job in [each["id"] for each in client.get("/api/jobs").json]


def test_the_motion_of_a_job_drives_another(client: Client, make_clip: ClipMaker, tmp_path: Path) -> None:
    driving = client.upload("driver", make_clip(frames=4)).json["id"]
    first = client.submit("avatar:fox", driving)
    motion_id = client.events(first)[-1]["motion_id"]
    (tmp_path / "motion.npz").write_bytes(client.get(f"/api/files/{motion_id}").content)
    assert len(load_motion(tmp_path / "motion.npz")) == 4
    again = client.events(client.submit("avatar:dog", motion_id))[-1]
    assert again["state"] == "done"
    assert again["result"]["frames"] == 4
    uploaded = client.upload("driver", tmp_path / "motion.npz").json
    assert uploaded["is_motion"]
    assert uploaded["thumbnail"] is None
    assert client.request("DELETE", f"/api/jobs/{first}").status == 204
    assert client.get(f"/api/files/{motion_id}").status == 404


def test_a_job_is_explained_on_demand(client: Client, make_clip: ClipMaker, tmp_path: Path) -> None:
    driving = client.upload("driver", make_clip(frames=3)).json["id"]
    job = client.submit("avatar:fox", driving)
    client.wait_for(job, "done")
    asked = client.get(f"/api/jobs/{job}/explanation")
    assert asked.status == 202
    assert asked.json["kind"] == "explanation"
    assert client.events(asked.json["id"])[-1]["state"] == "done"
    film = client.get(f"/api/jobs/{job}/explanation")
    assert film.status == 200
    assert read(film.content, tmp_path, ".mp4")[0].shape[1] > 64 * 2
    assert asked.json["id"] not in [each["id"] for each in client.get("/api/jobs").json]


def test_a_driver_that_cannot_be_used_fails_its_job_alone(client: Client, make_clip: ClipMaker) -> None:
    driving = client.upload("driver", make_clip(frames=3), "short.mp4").json["id"]
    failed = client.events(client.submit("avatar:fox", driving, start_s=100))[-1]
    assert failed["state"] == "failed"
    assert failed["error"].startswith("short.mp4")
    assert client.events(client.submit("avatar:fox", driving))[-1]["state"] == "done"


def long_clip(client: Client, make_clip: ClipMaker) -> str:
    """A driver that takes the small model many seconds."""
    return str(client.upload("driver", make_clip("long.mp4", frames=3000)).json["id"])


def test_jobs_run_in_turn_and_are_cancelled(client: Client, make_clip: ClipMaker) -> None:
    driving = long_clip(client, make_clip)
    running, waiting = client.submit("avatar:fox", driving), client.submit("avatar:fox", driving)
    client.wait_for(running, "running")
    assert client.get(f"/api/jobs/{waiting}").json["state"] == "waiting"
    assert client.request("DELETE", f"/api/uploads/{driving}").status == 409
    assert client.post(f"/api/jobs/{waiting}/cancel").json["state"] == "cancelled"
    client.post(f"/api/jobs/{running}/cancel")
    cancelled = client.wait_for(running, "cancelled")
    assert cancelled["result"] is None
    assert cancelled["error"] is None
    assert client.get(f"/api/jobs/{running}/result").status == 404
    assert client.request("DELETE", f"/api/jobs/{running}").status == 204
    assert client.get(f"/api/jobs/{running}").status == 404


def test_a_crash_fails_the_job_and_the_next_one_runs(client: Client, make_clip: ClipMaker) -> None:
    driving = long_clip(client, make_clip)
    job = client.submit("avatar:fox", driving)
    while client.wait_for(job, "running")["stage"] == "starting":
        pass
    process = client.studio.job_process_id
    assert process is not None
    os.kill(process, signal.SIGKILL)
    failed = client.wait_for(job, "failed")
    assert "ended unexpectedly by signal 9" in failed["error"]
    assert failed["error_code"] == "crashed"
    short = client.submit("avatar:fox", "driver:performance", duration_s=0.1)
    assert client.events(short)[-1]["state"] == "done"


def test_limits(small_model: Path, tmp_path: Path) -> None:
    size = len(png())
    limits = Limits(upload_bytes=10_000_000, quota_bytes=2 * size + 10, jobs=2, jobs_waiting=3, reserve_bytes=0)
    with running_studio(tmp_path / "run", small_model, limits) as client:
        large = client.upload("picture", bytes(10_000_001))
        assert (large.status, large.json["code"], large.json["values"]) == (413, "too_large", {"limit": 10})
        first = client.upload("picture", png()).json["id"]
        assert client.upload("picture", png()).status == 201
        full = client.upload("picture", png())
        assert full.status == 507
        assert "delete some" in full.error
        client.request("DELETE", f"/api/uploads/{first}")
        assert client.upload("picture", png()).status == 201
        jobs = [client.submit(duration_s=0.1) for _ in range(3)]
        refused = client.post("/api/jobs", {"source": "avatar:fox", "driving": "driver:performance"})
        assert refused.status == 429
        for job in jobs:
            client.events(job)
        last = client.submit(duration_s=0.1)
        client.events(last)
        kept = [each["id"] for each in client.get("/api/jobs").json]
        assert kept[0] == last
        assert len(kept) == 2


def test_a_full_disk_refuses_uploads(small_model: Path, tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=10**18)
    with running_studio(tmp_path / "run", small_model, limits) as client:
        answer = client.upload("picture", png())
        assert answer.status == 507
        assert "too little space" in answer.error
        assert not list((tmp_path / "run" / "uploads").iterdir())
