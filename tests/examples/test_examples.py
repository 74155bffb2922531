"""The examples run: with arguments as a user starts them, and without any."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import write_clip
from fomm_rt import Animator, VideoReader, read_picture, write_picture
from fomm_rt import bundled as bundled_files
from fomm_rt.image import Image
from golden_files import Golden

EXAMPLES = Path(__file__).parents[2] / "examples"
GOLDEN = Golden("small_aligned")
FRAMES = 3


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with two pictures in `faces` and a short video."""
    (tmp_path / "faces").mkdir()
    write_picture(tmp_path / "faces" / "a.png", GOLDEN.source)
    write_picture(tmp_path / "faces" / "b.png", GOLDEN.driving[1])
    write_clip(tmp_path / "clip.mp4", frames=FRAMES, size=(64, 64), pixels=lambda i: GOLDEN.driving[i])
    return tmp_path


def run(name: str, *arguments: object, cwd: Path) -> list[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_live_session(tmp_path: Path) -> None:
    said = run("live_session.py", "--seconds", 2, cwd=tmp_path)
    assert re.match(r"[1-9]\d* frames shown", said[0]), said
    assert read_picture(tmp_path / "live.png").shape == (256, 256, 3)


def frames_of(path: Path) -> list[Image]:
    with VideoReader(path) as reader:
        return [frame.pixels for frame in reader]


def animated(model: Path, source: Image, clip: Path) -> list[Image]:
    with Animator.load(model) as animator:
        animator.set_source(source)
        return [animator.animate(frame) for frame in frames_of(clip)]


def assert_close(found: list[Image], expected: list[Image], tolerance: float = 12) -> None:
    """Equal but for the loss of the video codec."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one.astype(int) - other).mean() < tolerance


def test_animate_file(work: Path, small_model: Path) -> None:
    (line,) = run("animate_file.py", "faces/a.png", "clip.mp4", "-m", small_model, "-o", "r.mp4", cwd=work)
    assert line.startswith(f"{work / 'r.mp4'}: {FRAMES} frames, ")
    assert_close(frames_of(work / "r.mp4"), animated(small_model, GOLDEN.source, work / "clip.mp4"))


def test_pictures_by_one_driver(work: Path, small_model: Path) -> None:
    lines = run("pictures_by_one_driver.py", "faces", "clip.mp4", "-m", small_model, "-o", "results", cwd=work)
    assert lines == [str(work / "results" / name) for name in ("a.mp4", "b.mp4")]
    for line, source in zip(lines, (GOLDEN.source, GOLDEN.driving[1]), strict=True):
        assert_close(frames_of(Path(line)), animated(small_model, source, work / "clip.mp4"))


def test_opencv_frames(work: Path, small_model: Path) -> None:
    """Colours are right: swapped channels would be far off."""
    arguments = ("faces/a.png", "clip.mp4", "-m", small_model, "-o", "r.mp4")
    assert run("opencv_frames.py", *arguments, cwd=work) == [f"r.mp4: {FRAMES} frames"]
    expected = animated(small_model, GOLDEN.source, work / "clip.mp4")
    found = frames_of(work / "r.mp4")
    assert_close(found, expected)
    with pytest.raises(AssertionError):
        assert_close([frame[..., ::-1] for frame in found], expected)


def test_save_and_replay_motion(work: Path, small_model: Path) -> None:
    arguments = ("faces/a.png", "faces/b.png", "clip.mp4", "-m", small_model, "-o", "results")
    lines = run("save_and_replay_motion.py", *arguments, cwd=work)
    assert lines == [str(work / "results" / name) for name in ("motion.npz", "by-video.mp4", "by-motion.mp4")]
    assert_close(frames_of(Path(lines[1])), animated(small_model, GOLDEN.source, work / "clip.mp4"))
    assert_close(frames_of(Path(lines[2])), animated(small_model, GOLDEN.driving[1], work / "clip.mp4"))


VIDEO_EXAMPLES = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name != "live_session.py")


@pytest.mark.parametrize("name", VIDEO_EXAMPLES)
def test_without_arguments_the_bundled_files_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """With a performance of two frames, and two faces."""
    faces, clip = tmp_path / "faces", tmp_path / "clip.mp4"
    faces.mkdir()
    for path in bundled_files.bundled_avatars()[:2]:
        write_picture(faces / path.name, read_picture(path))
    picture = read_picture(bundled_files.bundled_avatars()[2])
    write_clip(clip, frames=2, size=(256, 256), pixels=lambda _: picture)
    monkeypatch.setattr(bundled_files, "bundled_avatars", lambda: sorted(faces.glob("*.png")))
    monkeypatch.setattr(bundled_files, "bundled_performance", lambda: clip)
    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    videos = [Path(line.partition(": ")[0]) for line in capsys.readouterr().out.splitlines() if ".mp4" in line]
    assert videos
    for video in videos:
        capture = cv2.VideoCapture(str(video))
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 2
        capture.release()
