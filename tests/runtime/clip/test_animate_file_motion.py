"""Motion files that `animate_file` writes and is driven by."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import write_clip
from fomm_rt.animator import Animator
from fomm_rt.clip import rendering
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.errors import MotionError, OutputError
from fomm_rt.files.staging import StagedOutput
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget
from golden_clip import driving_pixels


def test_a_motion_file_gives_the_same_pictures_as_its_video(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a-%02d.png", motion_output=motion, animator=animator)
    assert len(load_motion(motion)) == 7
    report = animate_file(source, motion, tmp_path / "b-%02d.png", animator=animator)
    assert report.frames == 7
    for i in range(1, 8):
        assert np.array_equal(read_picture(tmp_path / f"a-{i:02d}.png"), read_picture(tmp_path / f"b-{i:02d}.png"))
    animate_file(source, motion, tmp_path / "b.mp4", view="explain", animator=animator)
    with VideoReader(tmp_path / "b.mp4") as result:
        assert result.timing.rate == Fraction(30000, 1001)


def test_keeps_varying_times_in_a_motion_file(animator: Animator, source: Path, tmp_path: Path) -> None:
    times = [0, 40, 100, 103, 200, 333]
    clip = write_clip(
        tmp_path / "vfr.mkv", frames=6, times=times, time_base=Fraction(1, 1000), size=(80, 64), pixels=driving_pixels
    )
    animate_file(source, clip, tmp_path / "a.mp4", motion_output=tmp_path / "m.npz", animator=animator)
    animate_file(source, tmp_path / "m.npz", tmp_path / "b.mp4", animator=animator)
    durations = []
    for name in ("a.mp4", "b.mp4"):
        with VideoReader(tmp_path / name) as result:
            assert result.timing.rate is None
            assert [frame.time * 1000 for frame in result] == times
            durations.append(result.timing.duration)
    assert durations[0] == durations[1]


def test_a_held_last_frame_stays_held(animator: Animator, source: Path, tmp_path: Path) -> None:
    clip = tmp_path / "held.mkv"
    with VideoTarget(clip).open(Timing.constant(Fraction(25), 5, Fraction(3))) as writer:
        for index in range(5):
            writer.write(driving_pixels(index), Fraction(index, 25))
        writer.commit()
    animate_file(source, clip, tmp_path / "a.mp4", motion_output=tmp_path / "m.npz", animator=animator)
    animate_file(source, tmp_path / "m.npz", tmp_path / "b.gif", animator=animator)
    for name in ("a.mp4", "b.gif"):
        with VideoReader(tmp_path / name) as result:
            assert result.timing.rate == 25
            assert result.timing.frame_count == 5
            assert result.timing.duration == Fraction(4, 25) + 3


def test_warns_of_motion_of_another_model(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a.gif", motion_output=motion, audio=False, animator=animator)
    with np.load(motion) as arrays:
        content = {**arrays, "weights": np.array("others")}
    np.savez(motion, **content)
    animate_file(source, motion, tmp_path / "b.gif", animator=animator)
    assert "recorded with another model" in caplog.text


def test_refuses_a_motion_file_of_another_shape(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a.gif", motion_output=motion, audio=False, animator=animator)
    with np.load(motion) as arrays:
        content = {**arrays, "value": arrays["value"][:, :3], "jacobian": arrays["jacobian"][:, :3]}
    np.savez(motion, **content)
    for best_frame in (None, 0, "auto"):
        with pytest.raises(MotionError, match="holds 3 keypoints with jacobians; small_aligned needs 5 keypoints"):
            animate_file(source, motion, tmp_path / "b.gif", best_frame=best_frame, animator=animator)
    assert not (tmp_path / "b.gif").exists()


def test_failure_at_the_end_leaves_the_old_motion_file(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = tmp_path / "m.npz"
    motion.write_text("old")

    def fail(_self: StagedOutput) -> None:
        raise OutputError("no space left")

    monkeypatch.setattr(StagedOutput, "commit", fail)
    with pytest.raises(OutputError, match="no space left"):
        animate_file(source, clip, tmp_path / "r.mp4", motion_output=motion, animator=animator)
    assert motion.read_text() == "old"
    assert not (tmp_path / "r.mp4").exists()


def test_says_that_the_result_exists_if_the_motion_file_fails(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path, _motion: object) -> None:
        raise OutputError("m.npz: no space left")

    monkeypatch.setattr(rendering, "save_motion", fail)
    with pytest.raises(OutputError, match=r"r\.gif is written, the motion file is not: m\.npz: no space left"):
        animate_file(source, clip, tmp_path / "r.gif", audio=False, motion_output=tmp_path / "m.npz", animator=animator)
    assert (tmp_path / "r.gif").is_file()
