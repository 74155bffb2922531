"""Targets of videos: names, existing files, and leftovers."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import numbered_frame
from fomm_rt.errors import ImageError, OutputError
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.picture import encode_picture
from fomm_rt.media.write.picture_sequence import pictures_of
from fomm_rt.media.write.video_writer import VideoTarget
from written_videos import frame_pixels, timing_of, write_constant


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.avi", "results are written as .mp4, .mkv"),
        ("out", "ends in nothing"),
        ("out.mp4.txt", "ends in .txt"),
        ("frames-%05d.jpg", "numbered pictures are written as PNG"),
        ("frames.png", "write frames-%05d.png"),
        ("frames.jpg", "write frames-%05d.png"),
        ("frames.webp", "write frames-%05d.png"),
        ("frames-%05d.mp4", "numbered pictures are written as PNG"),
        ("100%.avi", "results are written as .mp4, .mkv"),
        ("frames-%s.png", "exactly one number"),
        ("frames-%d-%d.png", "exactly one number"),
        ("frames-%5d%.png", "exactly one number"),
        ("frames%%.png", "exactly one number"),
    ],
)
def test_endings_and_patterns_are_checked_before_any_work(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(OutputError, match=said.replace("(", r"\(")):
        VideoTarget(tmp_path / name, [])
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_never_overwritten(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4")
    (tmp_path / "soft.mp4").symlink_to(clip)
    (tmp_path / "hard.mp4").hardlink_to(clip)
    for name in ("clip.mp4", "soft.mp4", "hard.mp4"):
        with pytest.raises(OutputError, match="is also an input"):
            VideoTarget(tmp_path / name, [tmp_path / "missing.png", clip])
    VideoTarget(tmp_path / "other.mp4", [clip])


@pytest.mark.parametrize("name", ["100%.mp4", "50%-100%/frames-%03d.png", "%d/out.gif"])
def test_a_percent_sign_alone_is_not_a_pattern(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    VideoTarget(path, [])
    write_constant(path, Fraction(25), 2)
    written = [path] if not name.endswith(".png") else [path.with_name(f"frames-00{n}.png") for n in (1, 2)]
    assert sorted(path.parent.iterdir()) == written


@pytest.mark.parametrize(
    ("pattern", "name", "is_refused"),
    [
        ("frames-%05d.png", "frames-00001.png", True),
        ("frames-%05d.png", "frames-123456.png", True),
        ("frames-%05d.png", "frames-0001.png", False),
        ("frames-%05d.png", "frames-012345.png", False),
        ("frames-%05d.png", "frames-00000.png", False),
        ("frames-%05d.png", "frames-00001.PNG", False),
        ("frames-%05d.png", "frames-.png", False),
        ("%d.png", "7.png", True),
        ("%d.png", "07.png", False),
        ("a+%d.png", "aa1.png", False),
    ],
)
def test_a_pattern_never_overwrites_an_input(tmp_path: Path, pattern: str, name: str, is_refused: bool) -> None:
    folder, elsewhere = tmp_path / "frames", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / name).write_bytes(b"picture")
    (tmp_path / "same").symlink_to(folder)
    (elsewhere / "link.png").symlink_to(folder / name)
    for target in (folder / pattern, tmp_path / "same" / pattern, folder / ".." / "frames" / pattern):
        for source in (folder / name, tmp_path / "same" / name, elsewhere / "link.png"):
            if is_refused:
                with pytest.raises(OutputError, match="may overwrite the input"):
                    VideoTarget(target, [tmp_path / "missing.mp4", source])
            else:
                VideoTarget(target, [source])
    VideoTarget(elsewhere / pattern, [folder / name])


def test_a_pattern_never_overwrites_an_input_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"picture")
    link = tmp_path / "frames-1.png"
    link.symlink_to(tmp_path / "real.png")
    with pytest.raises(OutputError, match="may overwrite the input"):
        VideoTarget(tmp_path / "frames-%d.png", [link])


def test_pictures_of_a_longer_earlier_run_go_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pattern = tmp_path / "out-%05d.png"
    write_constant(pattern, Fraction(25), 5)
    assert {file.name for file in pictures_of(pattern)} == {f"out-0000{number}.png" for number in range(1, 6)}
    (tmp_path / "out-99.png").touch()  # not of the pattern
    write_constant(pattern, Fraction(25), 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *(f"out-0000{number}.png" for number in range(1, 4)),
        "out-99.png",
    ]
    assert not caplog.records


def test_higher_pictures_of_other_programs_stay_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pattern = tmp_path / "out-%05d.png"
    write_constant(pattern, Fraction(25), 5)
    (tmp_path / "out-00007.png").write_bytes(encode_picture(tmp_path / "out-00007.png", numbered_frame(7)))
    (tmp_path / "out-100000.png").touch()
    write_constant(pattern, Fraction(25), 3)
    assert [file.name for file in pictures_of(pattern)] == [
        *(f"out-0000{number}.png" for number in (1, 2, 3, 7)),
        "out-100000.png",
    ]
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'out-00007.png'} and later are from another program"
    ]


def test_naming_the_formats_imports_nothing_heavy() -> None:
    script = """
import sys
import fomm_rt.media.write
before = set(sys.modules)
from fomm_rt.media.write.output_formats import OUTPUT_FORMATS
assert ".mp4" in OUTPUT_FORMATS
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['fomm_rt.media.write.output_formats']\n"


def test_frames_of_another_size_are_refused(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    for name in ("out.mp4", "out.gif"):
        with VideoTarget(tmp_path / name).open(Timing.constant(Fraction(25))) as writer:
            writer.write(frame_pixels(0), Fraction(0))
            with pytest.raises(OutputError, match="Write frames of one size"):
                writer.write(frame_pixels(0, 32, 32), Fraction(1, 25))
    assert list(tmp_path.iterdir()) == []
    assert leftovers() == []


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "p-%d.png"])
def test_refuses_arrays_that_are_not_pictures(tmp_path: Path, name: str) -> None:
    with VideoTarget(tmp_path / name).open(Timing.constant(Fraction(25))) as writer:
        for wrong in (
            np.zeros((8, 8), np.uint8),
            np.zeros((8, 8, 4), np.uint8),
            np.zeros((0, 8, 3), np.uint8),
        ):
            with pytest.raises(ImageError):
                writer.write(wrong, Fraction(0))
        with pytest.raises(ImageError):
            writer.write(np.zeros((8, 8, 3), np.float32), Fraction(0))
        with pytest.raises(OutputError, match="no frame"):
            writer.commit()


ALL_NAMES: Sequence[str] = ("out.mp4", "out.mkv", "out.webm", "out.gif", "p-1.png")


@pytest.mark.parametrize("name", ALL_NAMES)
@pytest.mark.parametrize("frames", [0, 1, 60])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    name: str,
    frames: int,
    leftovers: Callable[[], list[str]],
) -> None:
    clip = make_clip("in.mp4", audio="aac")
    old = tmp_path / name
    old.write_bytes(b"old")
    target = tmp_path / "p-%d.png" if name.endswith(".png") else old

    def work() -> None:
        with VideoTarget(target).open(Timing.constant(Fraction(25)), clip) as writer:
            for index in range(frames):
                writer.write(frame_pixels(index), Fraction(index, 25))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert old.read_bytes() == b"old"
    assert leftovers() == []
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["in.mp4", name])


def test_two_writers_can_share_a_target(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    path = tmp_path / "out.mp4"
    timing = Timing.constant(Fraction(25))
    with VideoTarget(path).open(timing) as first, VideoTarget(path).open(timing) as second:
        for index in range(5):
            first.write(frame_pixels(index), Fraction(index, 25))
            second.write(frame_pixels(index), Fraction(index, 25))
        second.write(frame_pixels(5), Fraction(5, 25))
        second.commit()
        assert timing_of(path).frame_count == 6
        first.commit()
    assert timing_of(path).frame_count == 5
    assert leftovers() == []


def test_refuses_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not valid UTF-8"):
        VideoTarget(tmp_path / "\udcff.mp4", [])
