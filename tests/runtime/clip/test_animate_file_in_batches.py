"""animate_file on a backend that takes several frames at a time, on the stand-in for the driver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import write_clip
from driver_stand_in.loaded import stand_in
from fakes.animator import FakeGpu
from fakes.video_writer import FakeWriter
from fomm_rt.animator import Animator
from fomm_rt.backends.protocol import AnimatedFrame
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.frame_renderer import View
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.errors import BackendError, MediaError, OutputError
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoFrame, VideoReader
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.model.folder import open_model_folder
from golden_files import Golden

pytestmark = pytest.mark.stand_in

ILLEGAL_ADDRESS = 700
"""A result of the driver."""
GOLDEN = Golden("small_aligned")
COUNT = 11
"""Frames in the clip: three batches of three, and two more."""


@pytest.fixture
def fake(small_model: Path) -> Iterator[FakeGpu]:
    made = FakeGpu(open_model_folder(small_model), batch=3)
    yield made
    made.close()


@pytest.fixture
def batched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the frames that each call of `animate_all_tracked` yields."""
    runs: list[int] = []
    animate_all_tracked = Animator.animate_all_tracked

    def counted(self: Animator, frames: Iterator[Image]) -> Iterator[AnimatedFrame[Image]]:
        runs.append(0)
        for result in animate_all_tracked(self, frames):
            runs[-1] += 1
            yield result

    monkeypatch.setattr(Animator, "animate_all_tracked", counted)
    return runs


def driving_pixels(index: int) -> Image:
    """Returns the golden's driving frames in turn, each with its own brightness."""
    pixels: Image = (GOLDEN.driving[index % 3].astype(int) + index).clip(0, 255).astype(np.uint8)
    return pixels


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(
        tmp_path / "clip.mp4",
        frames=COUNT,
        rate=Fraction(30000, 1001),
        size=(64, 64),
        audio="aac",
        pixels=driving_pixels,
        options={"crf": "1"},
    )


@pytest.mark.parametrize("best_frame", [None, 4])
def test_batches_give_the_same_pictures_as_single_frames(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, batched: list[int], best_frame: int | None
) -> None:
    seen: list[tuple[str, int, int | None]] = []
    output = tmp_path / "r-%02d.png"
    report = animate_file(
        source, clip, output, best_frame=best_frame, progress=lambda *step: seen.append(step), animator=fake.animator
    )
    assert report.frames == COUNT
    assert report.reference_frame == (best_frame or 0)
    assert [step for step in seen if step[0] == "animating"] == [("animating", i + 1, COUNT) for i in range(COUNT)]
    assert batched == [COUNT]
    with VideoReader(clip) as reader:
        frames = [frame.pixels for frame in reader]
    fake.animator.set_reference(frames[best_frame or 0])
    for number, frame in enumerate(frames, 1):
        written = read_picture(tmp_path / f"r-{number:02d}.png")
        # Networks may round otherwise for several frames than for one.
        assert np.abs(written.astype(int) - fake.animator.animate(frame)).max() <= 1


def test_times_stay_with_their_frames(fake: FakeGpu, source: Path, tmp_path: Path, batched: list[int]) -> None:
    times = [0, 40, 100, 103, 200, 333, 350, 400]
    clip = write_clip(
        tmp_path / "vfr.mkv", frames=8, times=times, time_base=Fraction(1, 1000), size=(64, 64), pixels=driving_pixels
    )
    animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator)
    with VideoReader(tmp_path / "r.mp4") as result:
        assert [frame.time * 1000 for frame in result] == times
    assert batched == [8]


def test_sound_and_rate_are_kept(fake: FakeGpu, source: Path, clip: Path, tmp_path: Path) -> None:
    animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator)
    with VideoReader(tmp_path / "r.mp4") as result:
        assert result.timing.rate == Fraction(30000, 1001)
        assert result.has_audio
        assert sum(1 for _ in result) == COUNT


@pytest.mark.parametrize("view", ["panel", "explain"])
def test_views_are_drawn_one_by_one(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, batched: list[int], view: View
) -> None:
    assert animate_file(source, clip, tmp_path / "r.mp4", view=view, animator=fake.animator).frames == COUNT
    assert not batched


def test_batches_record_the_motion_of_each_frame(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, batched: list[int]
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a.mp4", motion_output=motion, animator=fake.animator)
    assert batched == [COUNT]
    recorded = load_motion(motion)
    with VideoReader(clip) as reader:
        for frame, time, keypoints in zip(reader, recorded.times, recorded, strict=True):
            assert time == frame.time
            # Networks may round otherwise for several frames than for one.
            np.testing.assert_allclose(keypoints.value, fake.animator.keypoints(frame.pixels).value, atol=1e-3)


def test_a_motion_file_animates_one_by_one(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, batched: list[int]
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a.mp4", motion_output=motion, animator=fake.animator)
    batched.clear()
    assert animate_file(source, motion, tmp_path / "b.mp4", animator=fake.animator).frames == COUNT
    assert not batched


def test_smoothed_keypoints_animate_one_by_one(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, batched: list[int]
) -> None:
    animate_file(source, clip, tmp_path / "r.mp4", smooth=0.5, animator=fake.animator)
    assert not batched


def test_times_each_stage(fake: FakeGpu, source: Path, clip: Path, tmp_path: Path) -> None:
    report = animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator)
    assert [stage for stage, seconds in report.stage_s.items() if seconds <= 0] == ["drawing"]
    assert sum(report.stage_s[stage] for stage in ("networks", "drawing", "waiting")) <= report.seconds


@pytest.mark.parametrize("at", [0, 2, 3, 8, 10])
def test_a_failing_decoder_leaves_nothing(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before, threads = sorted(tmp_path.iterdir()), threading.active_count()
    decode = VideoReader._decode_and_warn

    def fail(self: VideoReader) -> Iterator[VideoFrame]:
        for frame in decode(self, None, 1):
            if frame.index == at:
                raise MediaError("clip.mp4 was taken away")
            yield frame

    with monkeypatch.context() as patch:
        patch.setattr(VideoReader, "_decode_and_warn", lambda self, _part, _interval: (frame for frame in fail(self)))
        with pytest.raises(MediaError, match="taken away"):
            animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator)
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads
    assert not stand_in().waiting()
    assert animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator).frames == COUNT


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_failing_device_leaves_nothing(fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, after: int) -> None:
    before, threads = sorted(tmp_path.iterdir()), threading.active_count()

    def fail(_stage: str, done: int, _total: int | None) -> None:
        if done == after:
            stand_in().fail("cuStreamSynchronize", ILLEGAL_ADDRESS)

    if after == 0:
        stand_in().fail("cuStreamSynchronize", ILLEGAL_ADDRESS)
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        animate_file(source, clip, tmp_path / "r.mp4", progress=fail, animator=fake.animator)
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads
    assert animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator).frames == COUNT


@pytest.mark.parametrize("at", [1, 4, COUNT])
def test_interrupt_leaves_the_old_result(fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, at: int) -> None:
    output = tmp_path / "r.mp4"
    output.write_text("old")
    before, threads = sorted(tmp_path.iterdir()), threading.active_count()

    def interrupt(_stage: str, done: int, _total: int | None) -> None:
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        animate_file(source, clip, output, progress=interrupt, animator=fake.animator)
    assert output.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads
    assert not stand_in().waiting()


@pytest.mark.parametrize("at", [0, 4, 10])
def test_a_failing_encoder_stops_the_run(
    fake: FakeGpu, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    writer, threads = FakeWriter(at), threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr(VideoTarget, "open", lambda *_, **_options: writer)
        with pytest.raises(OutputError, match="no space left"):
            animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator)
    assert len(writer.frames) == at
    assert threading.active_count() == threads
    assert not stand_in().waiting()
    assert animate_file(source, clip, tmp_path / "r.mp4", animator=fake.animator).frames == COUNT
