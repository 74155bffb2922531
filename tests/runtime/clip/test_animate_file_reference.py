"""The reference frame that `animate_file` chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.driving import open_driving
from fomm_rt.clip.reference import ReferenceSearch
from fomm_rt.errors import MotionError
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.picture import write_picture
from fomm_rt.motion.keypoints import pose_distance
from golden_clip import GOLDEN, frames_of


def test_finds_the_best_frame(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    animator.set_source(GOLDEN.driving[2])
    with open_driving(clip) as driving:
        reference = ReferenceSearch(animator, "auto").find(driving)
        distances = [pose_distance(animator.kp_source, f.find_keypoints(animator.keypoints)) for f in driving]
    index = reference.index
    assert index == int(np.argmin(distances))
    assert index % 3 == 2  # the frames made from the very picture
    assert pose_distance(animator.kp_source, reference.keypoints) == pytest.approx(distances[index])

    write_picture(source, GOLDEN.driving[2])
    report = animate_file(source, clip, tmp_path / "auto-%02d.png", best_frame="auto", animator=animator)
    assert report.reference_frame == index
    animate_file(source, clip, tmp_path / "n-%02d.png", best_frame=index, animator=animator)
    animate_file(source, clip, tmp_path / "first-%02d.png", animator=animator)
    same = [
        np.array_equal(read_picture(tmp_path / f"auto-{i:02d}.png"), read_picture(tmp_path / f"n-{i:02d}.png"))
        for i in range(1, 8)
    ]
    assert all(same)
    assert not np.array_equal(read_picture(tmp_path / "auto-01.png"), read_picture(tmp_path / "first-01.png"))


def test_animating_outward_from_a_frame_gives_the_same_pictures(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    """The published code goes forward and backward from frame 4, both times with frame 4 as the first."""
    animate_file(source, clip, tmp_path / "r-%02d.png", best_frame=4, animator=animator)
    frames = frames_of(clip)
    animator.set_source(GOLDEN.source)
    outward = {}
    for order in (range(4, 7), range(4, -1, -1)):
        animator.clear_reference()
        for i in order:
            outward[i] = animator.animate(frames[i])
    for i in range(7):
        assert np.array_equal(outward[i], read_picture(tmp_path / f"r-{i + 1:02d}.png"))


@pytest.mark.parametrize("best_frame", [7, 1000])
def test_refuses_a_best_frame_out_of_range(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, best_frame: int
) -> None:
    with pytest.raises(MotionError, match="has 7 frames"):
        animate_file(source, clip, tmp_path / "r.mp4", best_frame=best_frame, animator=animator)
    assert not (tmp_path / "r.mp4").exists()


def test_absolute_motion_warns_that_it_has_no_reference(
    small_model: Path, source: Path, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Animator.load(small_model, relative=False) as animator:
        report = animate_file(source, clip, tmp_path / "r.gif", best_frame="auto", audio=False, animator=animator)
    assert report.reference_frame is None
    assert "absolute motion has no reference" in caplog.text
