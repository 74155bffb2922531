"""Writing animated GIF and numbered pictures."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget
from written_videos import convert, frame_pixels, patches, write_constant


def gif_delays(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.duration or 0 for packet in container.demux(video=0) if packet.size]


def test_gif_spreads_rounding_over_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    write_constant(path, Fraction(30), 31)
    delays = gif_delays(path)
    assert len(delays) == 31
    assert set(delays) == {3, 4}
    assert sum(delays) == round(31 / 30 * 100)
    assert b"NETSCAPE2.0\x03\x01\x00\x00\x00" in path.read_bytes()


def test_gif_keeps_varying_times_and_the_last_duration(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    timing = Timing(None, Fraction(1, 1000), 3, Fraction(8, 10), last_duration=Fraction(1, 2))
    with VideoTarget(path).open(timing) as writer:
        for index, time in enumerate((0, 100, 300)):
            writer.write(frame_pixels(index), Fraction(time, 1000))
        writer.commit()
    assert gif_delays(path) == [10, 20, 50]


def test_each_gif_frame_has_its_own_palette(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    written = [
        patches(64),
        np.random.default_rng(0).integers(0, 255, (64, 640, 3), np.uint8),
        patches(64)[:, ::-1],
    ]
    with VideoTarget(path).open(Timing.constant(Fraction(10), 3)) as writer:
        for index, pixels in enumerate(written):
            writer.write(pixels, Fraction(index, 10))
        writer.commit()
    with VideoReader(path) as reader:
        read = [frame.pixels for frame in reader]
    assert len(read) == 3
    assert np.abs(read[0].astype(int) - written[0]).mean() < 2
    assert np.abs(read[2].astype(int) - written[2]).mean() < 2


def test_gif_faster_than_browsers_show_is_slowed_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fast.gif"
    write_constant(path, Fraction(100), 30)
    assert gif_delays(path) == [2] * 30
    assert "at most 50 frames a second" in caplog.text


def test_gif_and_pictures_say_once_that_they_have_no_sound(
    tmp_path: Path, make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("in.mp4", audio="aac")
    convert(clip, tmp_path / "out.gif")
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'out.gif'}: a GIF has no sound; the sound of {clip} is left out"
    ]


def test_pictures_are_numbered_from_one_and_lossless(tmp_path: Path) -> None:
    pattern = tmp_path / "made" / "frames-%03d.png"
    write_constant(pattern, Fraction(25), 3)
    assert sorted(file.name for file in pattern.parent.iterdir()) == [f"frames-00{n}.png" for n in (1, 2, 3)]
    from fomm_rt.media.read.picture import read_picture

    assert np.array_equal(read_picture(tmp_path / "made" / "frames-002.png"), frame_pixels(1))
