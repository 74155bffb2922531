"""`fomm-rt live` as a process: what a user starts, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from fomm_rt import VideoReader, write_picture
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.media.read.picture import read_picture

LIMIT_S = 60
"""A process that hangs fails after this time; it is no measurement."""
LIVE = (sys.executable, "-m", "fomm_rt", "live", "--no-window")


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LIVE, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def start(arguments: Sequence[str], cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*LIVE, *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_recording_holds_exactly_the_shown_frames(tmp_path: Path) -> None:
    arguments = ("--camera", bundled_performance(), "--record", "out.mkv", "--duration", 2, "--json")
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["captured"] == report["shown"] + report["dropped"]
    assert report["shown"] > 0
    assert report["files"] == ["out.mkv"]
    assert report["ended_by"] == "duration"
    with VideoReader(tmp_path / "out.mkv") as reader:
        assert sum(1 for _ in reader) == report["shown"]
    again = run(*arguments, cwd=tmp_path)
    assert again.returncode == 1
    assert "out.mkv" in again.stderr
    assert "exists" in again.stderr


def test_a_video_is_played_once(tmp_path: Path) -> None:
    picture = tmp_path / "avatar.png"
    write_picture(picture, read_picture(bundled_avatars()[1]))
    result = run("--camera", "test", "--once", "--avatars", picture, "--json", "--no-follow-face", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["ended_by"] == "camera"
    with VideoReader(bundled_performance()) as reader:
        assert report["captured"] == reader.timing.frame_count


def test_ctrl_c_ends_with_a_report(tmp_path: Path) -> None:
    process = start(["--camera", "test", "--json", "-v"], tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"camera: "):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["ended_by"] == "quit"
    assert report["captured"] == report["shown"] + report["dropped"]


def test_raw_frames_end_with_their_reader(tmp_path: Path) -> None:
    process = start(["--camera", "test", "--raw", "--output-size", "320x240"], tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    frame = process.stdout.read(320 * 240 * 3)
    assert len(set(frame)) > 10, "a picture"
    process.stdout.close()
    with process.stderr:
        error = process.stderr.read().decode()
    assert process.wait(LIMIT_S) == 0, error
    assert "-video_size 320x240" in error
    assert "Traceback" not in error


def test_cameras_are_listed(tmp_path: Path) -> None:
    result = run("--list-cameras", "--json", cwd=tmp_path)
    assert result.returncode == 0
    assert isinstance(json.loads(result.stdout)["cameras"], list)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--camera", "nobody's camera"], 1, "camera"),
        (["--camera", "missing.mp4"], 1, "missing.mp4 does not exist"),
        (["--camera", "test", "--avatars", "nowhere"], 1, "there is no such folder"),
        (["--camera", "test", "--record", "out.mp4"], 1, ".mkv"),
        (["--camera", "test", "-m", "nothing"], 1, "nothing"),
        (["--raw", "--json"], 2, "choose one"),
        (["--output-size", "720"], 2, "1280x720"),
        (["--duration", "0"], 2, "more than 0"),
        (["--microphone", "default"], 2, "--record"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir()), "nothing is left behind"
