"""VideoWriter: its context finishes the file or discards it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fomm_rt.errors import ImageError, OutputError, StateError
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.video_writer import VideoWriter
from written_videos import frame_pixels, timing_of


@pytest.mark.parametrize(
    ("rate", "expected"), [(25, 25), (29.97, Fraction(2997, 100)), (Fraction(30000, 1001), Fraction(30000, 1001))]
)
def test_counts_frames_at_a_constant_rate(tmp_path: Path, rate: Fraction | float, expected: Fraction) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(str(path), rate) as writer:
        for index in range(5):
            writer.write(frame_pixels(index))
        assert not path.exists()
    timing = timing_of(path)
    assert (timing.rate, timing.frame_count) == (expected, 5)


def test_copies_the_frames_of_a_reader(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    times = [0, 40, 100, 103, 200]
    clip = make_clip("vfr.mkv", frames=5, times=times, time_base=Fraction(1, 1000), audio="aac")
    with VideoReader(clip) as reader, VideoWriter(tmp_path / "out.mp4", reader.timing, audio_from=clip) as writer:
        for frame in reader:
            writer.write(frame)
    with VideoReader(tmp_path / "out.mp4") as copy:
        assert copy.has_audio
        assert [frame.time * 1000 for frame in copy] == times


def test_varying_frames_need_their_times(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("vfr.mkv", frames=3, times=[0, 40, 100], time_base=Fraction(1, 1000))
    with VideoReader(clip) as reader, VideoWriter(tmp_path / "out.mp4", reader.timing) as writer:
        with pytest.raises(OutputError, match="give each frame its time"):
            writer.write(frame_pixels(0))
        writer.write(frame_pixels(0), 0.0)
        writer.write(frame_pixels(1), 0.5)
    with VideoReader(tmp_path / "out.mp4") as copy:
        assert [frame.time for frame in copy] == [0, Fraction(1, 2)]


def test_an_exception_discards_the_file(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")

    def fail() -> None:
        with VideoWriter(path, 25) as writer:
            writer.write(frame_pixels(0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert leftovers() == []


def test_refuses_frames_outside_of_its_context(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", 25)
    with pytest.raises(StateError, match="with VideoWriter"):
        writer.write(frame_pixels(0))
    with writer:
        writer.write(frame_pixels(0))
    with pytest.raises(StateError, match="with VideoWriter"):
        writer.write(frame_pixels(1))


def test_refuses_bad_rates_paths_and_frames(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    for rate in (0, -1, 1001, float("nan"), float("inf")):
        with pytest.raises(OutputError, match="frames per second"):
            VideoWriter(tmp_path / "out.mp4", rate)
    clip = make_clip("clip.mp4")
    with pytest.raises(OutputError, match="is also an input"):
        VideoWriter(clip, 25, audio_from=clip)


def test_refuses_arrays_that_are_not_pictures_and_a_file_without_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 25) as writer:
        with pytest.raises(ImageError):
            writer.write(np.zeros((4, 4), np.uint8))
        writer.write(frame_pixels(0))
    assert timing_of(tmp_path / "out.mp4").frame_count == 1
    with pytest.raises(OutputError, match="no frame"), VideoWriter(tmp_path / "empty.mp4", 25):
        pass
    assert not (tmp_path / "empty.mp4").exists()
