"""The demo, with a small model and a short performance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from clips import write_clip
from fakes.video_writer import FakeWriter
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars
from fomm_rt.cli.app import build_app
from fomm_rt.clip import demo as demo_module
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.demo import ClipReport, DemoReport, run_demo
from fomm_rt.clip.tiles import TileGrid, grid_shape
from fomm_rt.errors import FommError, MediaError, OutputError
from fomm_rt.files.staging import StagedOutput
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.motion.keypoints import Keypoints
from golden_files import Golden

GOLDEN = Golden("small_aligned")
NAMES = ["contact-sheet.png", "demo.mp4"]
OUTSIDE_NAMES = ["outside-training.mp4", "outside-training.png"]
FRAMES = 9


def pixels(index: int) -> Image:
    return np.asarray((GOLDEN.driving[index % 3].astype(int) + index).clip(0, 255), np.uint8)


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model) as animator:
        yield animator


@pytest.fixture(autouse=True)
def performance(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A short performance in place of the bundled one."""
    path = tmp_path_factory.mktemp("performance") / "performance.mp4"
    write_clip(path, frames=FRAMES, size=(64, 64), pixels=pixels, options={"crf": "1"})
    monkeypatch.setattr(demo_module, "bundled_performance", lambda: path)
    return path


@pytest.fixture
def also(tmp_path: Path) -> tuple[Path, Path]:
    source, clip = tmp_path / "source.png", tmp_path / "clip.mp4"
    write_picture(source, GOLDEN.source)
    write_clip(
        clip,
        frames=4,
        rate=Fraction(30000, 1001),
        size=(80, 64),
        audio="aac",
        pixels=lambda i: np.pad(pixels(i), ((0, 0), (8, 8), (0, 0)), mode="edge"),
    )
    return source, clip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def frames_of(path: Path) -> list[Image]:
    with VideoReader(path) as reader:
        return [frame.pixels for frame in reader]


def test_reports_the_results(animator: Animator, tmp_path: Path, also: tuple[Path, Path]) -> None:
    folder = tmp_path / "new" / "folder"
    seen: list[tuple[str, int, int | None]] = []
    report = run_demo(folder, also, progress=lambda *step: seen.append(step), animator=animator)
    faces = len(bundled_avatars())
    first, second = report.demo, report.outside_training
    assert second is not None
    assert report == DemoReport(
        ClipReport(folder / "demo.mp4", folder / "contact-sheet.png", faces, FRAMES, first.seconds, first.fps),
        ClipReport(folder / "outside-training.mp4", folder / "outside-training.png", 1, 4, second.seconds, second.fps),
        animator.manifest.name,
        animator.backend,
    )
    assert first.fps == pytest.approx(FRAMES / first.seconds)
    assert names(folder) == sorted(NAMES + OUTSIDE_NAMES)
    expected = [("demo.mp4", FRAMES), ("outside-training.mp4", 4)]
    stages = [(f"{stage} {name}", n) for name, n in expected for stage in ("choosing moments of", "animating")]
    assert seen == [(stage, i + 1, n) for stage, n in stages for i in range(n)]


def test_without_another_pair_there_are_two_files(animator: Animator, tmp_path: Path) -> None:
    assert run_demo(tmp_path, animator=animator).outside_training is None
    assert names(tmp_path) == NAMES


def test_every_tile_equals_its_face_animated_alone(
    animator: Animator, tmp_path: Path, performance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each face moves by its own keypoints, in its own tile, in every frame."""
    writer = FakeWriter()
    with monkeypatch.context() as patch:
        patch.setattr(VideoTarget, "open", lambda *_: writer)
        run_demo(tmp_path, animator=animator)
    faces = bundled_avatars()
    rows, columns = grid_shape(1 + len(faces))
    grid = TileGrid(rows, columns, 64)
    driving = frames_of(performance)
    for number, face in enumerate(faces, start=1):
        animate_file(face, performance, tmp_path / "alone-%02d.png", animator=animator)
        for i in range(FRAMES):
            grid.canvas[...] = writer.frames[i]
            expected = read_picture(tmp_path / f"alone-{i + 1:02d}.png")
            assert np.array_equal(grid.tile(*divmod(number, columns)), expected)
            assert np.array_equal(grid.tile(0, 0)[32:], driving[i][32:])  # below the label
    assert len(writer.frames) == FRAMES


def test_the_contact_sheet_shows_the_chosen_moments(animator: Animator, tmp_path: Path, performance: Path) -> None:
    run_demo(tmp_path, animator=animator)
    faces = bundled_avatars()
    sheet = TileGrid(1 + len(faces), 7, 64, with_headings=True)
    sheet.canvas[...] = read_picture(tmp_path / "contact-sheet.png")
    driving = frames_of(performance)
    for row, face in enumerate(faces, start=1):
        picture = animator.prepare_source(read_picture(face))
        assert np.array_equal(sheet.tile(row, 0), picture.image)
    shown = [next(i for i in range(FRAMES) if np.array_equal(sheet.tile(0, c), driving[i])) for c in range(1, 7)]
    assert shown[0] == 0
    assert shown == sorted(set(shown))
    animate_file(faces[2], performance, tmp_path / "alone-%02d.png", animator=animator)
    for column, frame in enumerate(shown, start=1):
        assert np.array_equal(sheet.tile(3, column), read_picture(tmp_path / f"alone-{frame + 1:02d}.png"))


def test_labels_pictures_outside_the_training(
    animator: Animator, tmp_path: Path, also: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = []

    class Recording(TileGrid):
        def __init__(self, *arguments: Any, caption: str = "", **options: Any) -> None:
            captions.append(caption)
            super().__init__(*arguments, caption=caption, **options)

    monkeypatch.setattr(demo_module, "TileGrid", Recording)
    run_demo(tmp_path, also, animator=animator)
    assert [("outside the model's training" in caption) for caption in captions] == [False, False, True, True]
    grid = TileGrid(1, 3, 64, caption=demo_module.OUTSIDE_CAPTION)
    with VideoReader(tmp_path / "outside-training.mp4") as reader:
        assert reader.timing.rate == Fraction(30000, 1001)
        assert reader.has_audio
        frame = next(iter(reader)).pixels[: grid.canvas.shape[0], : grid.canvas.shape[1]]
    caption = slice(0, 28)
    assert np.abs(frame[caption].astype(int) - grid.canvas[caption]).mean() < 6
    sheet = read_picture(tmp_path / "outside-training.png")
    assert (sheet[caption] > 128).any()


def test_a_motion_file_can_drive(animator: Animator, tmp_path: Path, also: tuple[Path, Path]) -> None:
    motion = tmp_path / "m.npz"
    animate_file(*also, tmp_path / "r.mp4", motion_output=motion, animator=animator)
    run_demo(tmp_path / "by-clip", also, animator=animator)
    report = run_demo(tmp_path / "by-motion", (also[0], motion), animator=animator)
    assert report.outside_training is not None
    assert report.outside_training.frames == 4
    by_clip, by_motion = (frames_of(tmp_path / name / "outside-training.mp4") for name in ("by-clip", "by-motion"))
    for a, b in zip(by_clip, by_motion, strict=True):
        assert np.abs(a[60:, 140:200].astype(int) - b[60:, 140:200]).mean() < 6


def test_the_detector_runs_once_per_frame(animator: Animator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    detect = Animator.keypoints

    def count(self: Animator, frame: Image) -> Keypoints:
        nonlocal calls
        calls += 1
        return detect(self, frame)

    monkeypatch.setattr(Animator, "keypoints", count)
    run_demo(tmp_path, animator=animator)
    assert calls == FRAMES


def test_leaves_other_files_alone(animator: Animator, tmp_path: Path) -> None:
    (tmp_path / "demo.txt").write_text("mine")
    (tmp_path / "outside-training.mp4").write_text("of an earlier demo")
    (tmp_path / "demo.mp4").write_text("of an earlier demo")
    run_demo(tmp_path, animator=animator)
    assert names(tmp_path) == ["contact-sheet.png", "demo.mp4", "demo.txt", "outside-training.mp4"]
    assert (tmp_path / "demo.txt").read_text() == "mine"
    assert (tmp_path / "outside-training.mp4").read_text() == "of an earlier demo"
    assert len(frames_of(tmp_path / "demo.mp4")) == FRAMES


@pytest.mark.parametrize("wrong", ["source", "clip"])
def test_reports_a_wrong_input_before_the_work(
    animator: Animator, tmp_path: Path, also: tuple[Path, Path], wrong: str
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture" * 100)
    pair = (text, also[1]) if wrong == "source" else (also[0], text)
    with pytest.raises(MediaError, match=r"text\.png"):
        run_demo(tmp_path / "demo", pair, animator=animator)
    assert not (tmp_path / "demo").exists()


def test_refuses_results_that_cannot_be_written(animator: Animator, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(OutputError, match="file"):
            run_demo(folder, animator=animator)
    (tmp_path / "contact-sheet.png").mkdir()
    with pytest.raises(OutputError, match=r"contact-sheet\.png is a folder"):
        run_demo(tmp_path, animator=animator)


@pytest.mark.parametrize("name", OUTSIDE_NAMES)
def test_an_input_is_not_overwritten(animator: Animator, tmp_path: Path, also: tuple[Path, Path], name: str) -> None:
    own = tmp_path / name
    (also[0] if name.endswith("png") else also[1]).rename(own)
    before = own.read_bytes()
    pair = (own, also[1]) if name.endswith("png") else (also[0], own)
    with pytest.raises(OutputError, match="is also an input"):
        run_demo(tmp_path, pair, animator=animator)
    assert own.read_bytes() == before


@pytest.mark.parametrize("stopped_in", ["choosing moments of demo.mp4", "animating demo.mp4"])
def test_interrupt_leaves_nothing(animator: Animator, tmp_path: Path, stopped_in: str) -> None:
    (tmp_path / "demo.mp4").write_text("old")

    def interrupt(stage: str, done: int, _total: int | None) -> None:
        if (stage, done) == (stopped_in, 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path, progress=interrupt, animator=animator)
    assert names(tmp_path) == ["demo.mp4"]
    assert (tmp_path / "demo.mp4").read_text() == "old"


def test_an_interrupt_waits_for_both_renames(
    animator: Animator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = StagedOutput.commit

    def interrupting(self: StagedOutput) -> None:
        rename(self)
        if self.path.suffix == ".mp4":
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(StagedOutput, "commit", interrupting)
    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path, animator=animator)
    assert names(tmp_path) == NAMES


def test_video_does_not_appear_without_its_contact_sheet(
    animator: Animator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: StagedOutput) -> StagedOutput:
        if self.path.suffix == ".png":
            raise OutputError("no space left")
        return enter(self)

    enter = StagedOutput.__enter__
    monkeypatch.setattr(StagedOutput, "__enter__", fail)
    with pytest.raises(OutputError, match="no space left"):
        run_demo(tmp_path, animator=animator)
    assert names(tmp_path) == []


def test_the_command_writes_and_reports_the_demo(
    small_model: Path, tmp_path: Path, also: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fomm_rt import bundled as bundled_module
    from fomm_rt.model.folder import open_model_folder

    monkeypatch.setattr(bundled_module, "open_bundled_model", lambda: open_model_folder(small_model))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    result = runner.invoke(build_app(), ["demo"])
    assert result.exit_code == 0
    assert f"fomm-rt-demo/demo.mp4: {len(bundled_avatars())} drawn faces by one driver, 9 frames in" in result.stdout
    assert "fomm-rt-demo/contact-sheet.png" in result.stdout
    assert "animating demo.mp4 9 frames" in result.stderr
    assert names(tmp_path / "fomm-rt-demo") == NAMES
    arguments = ["-o", "d", "--also", *map(str, also), "--backend", "onnxruntime-cpu", "--threads", "1", "--json"]
    result = runner.invoke(build_app(), ["demo", *arguments])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["demo"]["video"] == "d/demo.mp4"
    assert document["demo"]["frames"] == FRAMES
    assert document["outside_training"]["contact_sheet"] == "d/outside-training.png"
    assert document["model"] == open_model_folder(small_model).manifest.name
    assert document["backend"]["reason"] == "asked for by name"
    assert "stand-in" in result.stderr
    assert names(tmp_path / "d") == sorted(NAMES + OUTSIDE_NAMES)
    quiet = runner.invoke(build_app(), ["demo", "-q"])
    assert (quiet.exit_code, quiet.stdout) == (0, "")


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(tmp_path: Path, signal_: signal.Signals) -> None:
    """The real command, with the bundled model, is stopped while it writes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fomm_rt", "demo", "-o", "d"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("d/.fomm-rt*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal_)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal_]
    assert "Traceback" not in errors
    assert names(tmp_path / "d") == []


def test_every_failure_is_a_fomm_error(animator: Animator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "bundled_performance", lambda: tmp_path / "absent.mp4")
    with pytest.raises(FommError, match="absent"):
        run_demo(tmp_path, animator=animator)
