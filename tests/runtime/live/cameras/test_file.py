from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from clips import ClipMaker
from fakes.clock import FakeClock
from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.errors import CameraError
from fomm_rt.live.cameras import file as file_module
from fomm_rt.live.cameras import still as still_module
from fomm_rt.live.cameras.file import FileCamera
from fomm_rt.live.cameras.playback import Playback
from fomm_rt.live.cameras.still import StillCamera
from fomm_rt.live.frames import CameraFrame

WIDTH, HEIGHT = 160, 96


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Time that passes only while frames are waited for."""
    clock = FakeClock(100.0)
    playback = partial(Playback, now=clock.now, wait=clock.wait)
    monkeypatch.setattr(file_module, "Playback", playback)
    monkeypatch.setattr(still_module, "Playback", playback)
    return clock


def make(make_clip: ClipMaker, name: str = "clip.mp4", **settings: object) -> Path:
    return make_clip(name, size=(WIDTH, HEIGHT), pixels=lambda number: numbered(number, WIDTH, HEIGHT), **settings)


def play(camera: FileCamera | StillCamera, count: int) -> list[CameraFrame]:
    """The first frames of a camera; fewer if it ends before."""
    stream = camera.open()
    frames: list[CameraFrame] = []
    while len(frames) < count and (frame := stream.read()) is not None:
        frames.append(frame)
    stream.close()
    return frames


def test_frames_come_at_their_times(make_clip: ClipMaker) -> None:
    frames = play(FileCamera(make(make_clip, frames=5, rate=20)), 5)
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.captured_s for frame in frames] == pytest.approx([100 + number / 20 for number in range(5)])
    assert frames[0].pixels.shape == (HEIGHT, WIDTH, 3)


def test_a_loop_continues_without_a_gap(make_clip: ClipMaker) -> None:
    frames = play(FileCamera(make(make_clip, frames=3, rate=20)), 8)
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert [frame.sequence for frame in frames] == list(range(8))
    assert np.diff([frame.captured_s for frame in frames]) == pytest.approx([1 / 20] * 7)


def test_file_that_is_played_once_ends_when_its_last_frame_was_shown(make_clip: ClipMaker, clock: FakeClock) -> None:
    frames = play(FileCamera(make(make_clip, frames=3, rate=20), loops=False), 10)
    assert len(frames) == 3
    assert clock.now() == pytest.approx(100 + 3 / 20)


def test_varying_times_are_kept_also_at_the_seam(make_clip: ClipMaker) -> None:
    path = make(make_clip, "clip.mkv", frames=3, times=[0, 100, 140], time_base=Fraction(1, 1000))
    frames = play(FileCamera(path), 7)
    steps = np.diff([frame.captured_s for frame in frames])
    assert steps[:2] == pytest.approx([0.1, 0.04], abs=0.002)
    assert steps[3:5] == pytest.approx(steps[:2])
    assert steps[2] == pytest.approx(steps[5])
    assert 0.01 < steps[2] < 0.15


def test_start_within_the_file(make_clip: ClipMaker) -> None:
    frames = play(FileCamera(make(make_clip, frames=10, rate=20), start_s=0.4), 4)
    assert [number_of(frame.pixels) for frame in frames] == [8, 9, 8, 9]
    assert np.diff([frame.captured_s for frame in frames]) == pytest.approx([1 / 20] * 3)


def test_start_behind_the_end(make_clip: ClipMaker) -> None:
    with pytest.raises(CameraError, match="past its end"):
        FileCamera(make(make_clip, frames=10, rate=20), start_s=4).open()


def test_description_and_interval(make_clip: ClipMaker) -> None:
    path = make(make_clip, frames=3, rate=20)
    stream = FileCamera(path, title="test").open()
    assert stream.description == f"test, {WIDTH}×{HEIGHT}, 20 fps, a file"
    assert stream.interval_s == 1 / 20
    stream.close()
    assert FileCamera(path).name == str(path)


def test_file_that_vanishes_while_it_is_played(make_clip: ClipMaker) -> None:
    path = make(make_clip, frames=2, rate=20)
    stream = FileCamera(path).open()
    stream.read()
    stream.read()
    path.unlink()
    with pytest.raises(CameraError, match="does not exist"):
        stream.read()


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="does not exist"):
        FileCamera(tmp_path / "clip.mp4").open()


def test_still_picture_comes_thirty_times_per_second() -> None:
    frames = play(StillCamera("me.png", numbered(5, WIDTH, HEIGHT)), 31)
    assert {number_of(frame.pixels) for frame in frames} == {5}
    assert frames[30].captured_s - frames[0].captured_s == pytest.approx(1)
    assert [frame.sequence for frame in frames] == list(range(31))
