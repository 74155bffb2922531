"""Parts of a driver, and the size and quality of results."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from clips import write_clip
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.errors import MediaError, MotionError
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from golden_clip import GOLDEN, frames_of


def test_a_part_of_the_driver(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    """Frames, times, reference and motion are those of the part alone."""
    rate = Fraction(30000, 1001)
    report = animate_file(
        source, clip, tmp_path / "p-%02d.png", start_s=2 / rate, duration_s=3 / rate, audio=False,
        motion_output=tmp_path / "m.npz", animator=animator,
    )  # fmt: skip
    assert (report.frames, report.reference_frame) == (3, 0)
    assert report.start_s == pytest.approx(float(2 / rate))
    assert report.duration_s == pytest.approx(float(3 / rate))
    animator.clear_reference()
    animator.set_source(GOLDEN.source)
    for index, frame in enumerate(frames_of(clip)[2:5], start=1):
        assert np.array_equal(read_picture(tmp_path / f"p-{index:02d}.png"), animator.animate(frame))
    motion = load_motion(tmp_path / "m.npz")
    assert (motion.rate, motion.times) == (rate, tuple(index / rate for index in range(3)))


def test_the_best_frame_of_a_part_counts_from_its_start(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    rate = Fraction(30000, 1001)
    options: dict[str, Any] = {"start_s": 2 / rate, "audio": False, "animator": animator}
    assert animate_file(source, clip, tmp_path / "a.gif", best_frame=4, **options).reference_frame == 4
    animator.clear_reference()
    animator.set_reference(frames_of(clip)[6])
    expected = animator.animate(frames_of(clip)[2])
    animate_file(source, clip, tmp_path / "p-%02d.png", best_frame=4, **options)
    assert np.array_equal(read_picture(tmp_path / "p-01.png"), expected)
    with pytest.raises(MotionError, match="there is no frame 5: the driving side has 5 frames"):
        animate_file(source, clip, tmp_path / "b.gif", best_frame=5, **options)
    assert 0 <= (animate_file(source, clip, tmp_path / "c.gif", best_frame="auto", **options).reference_frame or 0) < 5


def test_a_part_of_a_motion_file(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    rate, motion = Fraction(30000, 1001), tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a.gif", audio=False, motion_output=motion, animator=animator)
    part: dict[str, Any] = {"start_s": 3 / rate, "duration_s": 2 / rate, "animator": animator}
    assert animate_file(source, motion, tmp_path / "m-%02d.png", **part).frames == 2
    animate_file(source, clip, tmp_path / "v-%02d.png", audio=False, **part)
    for name in ("01.png", "02.png"):
        assert np.array_equal(read_picture(tmp_path / f"m-{name}"), read_picture(tmp_path / f"v-{name}"))
    with pytest.raises(MediaError, match=r"m\.npz ends after 0\.23 s; a start at 1 s is past its end"):
        animate_file(source, motion, tmp_path / "r.gif", start_s=1, animator=animator)


@pytest.mark.parametrize("ending", ["r.mp4", "r.mkv"])
def test_the_sound_of_a_part(animator: Animator, source: Path, tmp_path: Path, ending: str) -> None:
    clip = write_clip(tmp_path / "c.mp4", frames=50, size=(64, 64), audio="aac", pixels=lambda i: GOLDEN.driving[i % 3])
    report = animate_file(source, clip, tmp_path / ending, start_s=1, duration_s=0.4, animator=animator)
    with VideoReader(tmp_path / ending) as result:
        assert (report.frames, result.timing.frame_count, result.timing.rate) == (10, 10, Fraction(25))
        assert result.has_audio
    with av.open(str(tmp_path / ending)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        assert samples == pytest.approx(0.4 * 48000, abs=2048)


def test_size_and_quality(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"audio": False, "animator": animator}
    report = animate_file(source, clip, tmp_path / "a.mp4", output_size=(160, 90), quality=30, **options)
    assert (report.width, report.height, report.quality) == (160, 90, 30)
    with VideoReader(tmp_path / "a.mp4") as result:
        assert (result.width, result.height) == (160, 90)
    report = animate_file(source, clip, tmp_path / "b.mp4", output_size=101, view="panel", **options)
    assert (report.width, report.height) == (304, 102)
    report = animate_file(source, clip, tmp_path / "p-%02d.png", output_size=33, **options)
    assert read_picture(tmp_path / "p-01.png").shape == (33, 33, 3)
    small = animate_file(source, clip, tmp_path / "low.mp4", quality=0, **options).output.stat().st_size
    assert small < animate_file(source, clip, tmp_path / "high.mp4", quality=100, **options).output.stat().st_size
