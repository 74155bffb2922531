"""animate_file: frames, timing, sound, formats and views."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import write_clip
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.frame_renderer import View
from fomm_rt.clip.report import AnimationReport
from fomm_rt.errors import StateError
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from golden_clip import GOLDEN, driving_pixels, frames_of


def test_the_preview_sees_each_frame_before_it_is_scaled(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    seen: list[Image] = []
    output = tmp_path / "r-%d.png"
    animate_file(source, clip, output, output_size=128, preview=seen.append, animator=animator)
    assert len(seen) == 7
    for number, picture in enumerate(seen, 1):
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        written = read_picture(tmp_path / f"r-{number}.png")
        assert written.shape == (128, 128, 3)
        assert np.abs(written[::2, ::2].astype(int) - picture).mean() < 12


def test_the_preview_sees_the_chosen_view(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    seen: list[Image] = []
    output = tmp_path / "r.mp4"
    animate_file(source, clip, output, view="panel", duration_s=0.04, preview=seen.append, animator=animator)
    assert [picture.shape for picture in seen] == [(64, 192, 3)]


def test_one_frame_out_for_every_frame_in(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.mp4"
    seen: list[tuple[str, int, int | None]] = []
    report = animate_file(source, clip, output, progress=lambda *step: seen.append(step), animator=animator)
    assert report == AnimationReport(
        output=output,
        frames=7,
        seconds=report.seconds,
        fps=7 / report.seconds,
        start_s=0,
        duration_s=float(7 * Fraction(1001, 30000)),
        width=64,
        height=64,
        quality=None,
        source_squares=((0, 0, 64, 64),),
        driving_square=(8, 0, 64, 64),
        driving_faces=None,
        reference_frame=0,
        skipped_packets=0,
        missing_frames=0,
        left_out=(),
        stage_s=report.stage_s,
        model=animator.manifest.name,
        backend=animator.backend,
    )
    assert seen == [("animating", i + 1, 7) for i in range(7)]
    with VideoReader(output) as result:
        assert result.timing.rate == Fraction(30000, 1001)
        assert (result.width, result.height, result.has_audio) == (64, 64, True)
        assert sum(1 for _ in result) == 7
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_writes_what_the_animator_returns(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    animate_file(source, clip, tmp_path / "frames-%05d.png", animator=animator)
    animator.clear_reference()
    animator.set_source(GOLDEN.source)
    for i, frame in enumerate(frames_of(clip)):
        written = read_picture(tmp_path / f"frames-{i + 1:05d}.png")
        assert np.array_equal(written, animator.animate(frame))


@pytest.mark.parametrize("ending", ["result.webm", "result.mkv", "result.gif"])
def test_writes_other_formats(animator: Animator, source: Path, clip: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / ending
    animate_file(source, clip, output, audio=False, animator=animator)
    with VideoReader(output) as result:
        assert sum(1 for _ in result) == 7
        assert not result.has_audio


def test_takes_strings_and_loads_a_model(
    small_model: Path, animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    loaded: list[Animator] = []
    report = animate_file(
        str(source),
        str(clip),
        str(tmp_path / "own-%02d.png"),
        on_load=loaded.append,
        model=small_model,
        backend="onnxruntime-cpu",
        relative=False,
    )
    (own,) = loaded
    assert not own.relative
    assert (report.frames, report.reference_frame) == (7, None)
    assert (report.model, report.backend) == (animator.manifest.name, own.backend)
    with pytest.raises(StateError, match="closed"):
        own.keypoints(GOLDEN.source)
    animator.relative = False
    animate_file(source, clip, tmp_path / "given-%02d.png", animator=animator)
    assert np.array_equal(read_picture(tmp_path / "own-07.png"), read_picture(tmp_path / "given-07.png"))
    animator.keypoints(GOLDEN.source)  # a given animator stays open


def test_a_very_large_source_is_reduced_unless_all_of_it_is_needed(
    animator: Animator, clip: Path, tmp_path: Path
) -> None:
    source = tmp_path / "wide.jpg"
    write_picture(source, np.tile(GOLDEN.source, (1, 16384 // 64, 1)))
    height = GOLDEN.source.shape[0]
    report = animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert report.source_squares == (((16384 - height) // 2, 0, height, height),)
    animator.source_framing = Framing("crop", (16001, 0, 61, 61))
    report = animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert report.source_squares == ((16001, 0, 61, 61),)


def test_leaves_the_sound_out(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    animate_file(source, clip, tmp_path / "r.mp4", audio=False, animator=animator)
    with VideoReader(tmp_path / "r.mp4") as result:
        assert not result.has_audio


def test_writes_panel_and_explanation(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    animate_file(source, clip, tmp_path / "p-%02d.png", view="panel", animator=animator)
    animate_file(source, clip, tmp_path / "r-%02d.png", animator=animator)
    animate_file(source, clip, tmp_path / "e-%02d.png", view="explain", animator=animator)
    driving = frames_of(clip)[3]
    panel = read_picture(tmp_path / "p-04.png")
    assert panel.shape == (64, 192, 3)
    assert np.array_equal(panel[:, :64], GOLDEN.source)
    assert np.array_equal(panel[:, 64:128], driving[:, 8:72])
    assert np.array_equal(panel[:, 128:], read_picture(tmp_path / "r-04.png"))
    assert read_picture(tmp_path / "e-04.png").shape == (2 * (64 + 24), 192, 3)


def test_runs_do_not_influence_each_other(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    animate_file(source, clip, tmp_path / "a-%02d.png", best_frame=5, animator=animator)
    animate_file(source, clip, tmp_path / "b-%02d.png", animator=animator)
    animate_file(source, clip, tmp_path / "c-%02d.png", animator=animator)
    assert np.array_equal(read_picture(tmp_path / "b-07.png"), read_picture(tmp_path / "c-07.png"))
    assert not np.array_equal(read_picture(tmp_path / "a-07.png"), read_picture(tmp_path / "b-07.png"))


def test_a_picture_can_drive(
    animator: Animator, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_picture(tmp_path / "driving.jpg", GOLDEN.driving[1])
    report = animate_file(source, tmp_path / "driving.jpg", tmp_path / "r.mp4", animator=animator)
    assert report.frames == 1
    assert "driving.jpg" in caplog.text
    assert len(frames_of(tmp_path / "r.mp4")) == 1


def test_takes_the_first_frame_of_a_video_as_source(
    animator: Animator, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_clip(tmp_path / "source.mp4", frames=3, size=(80, 64), pixels=driving_pixels)
    animate_file(other, clip, tmp_path / "r.mp4", animator=animator)
    assert "its first frame" in caplog.text
    assert np.array_equal(animator.source_image, frames_of(other)[0][:, 8:72])


def test_frames_each_driving_frame_by_its_own_size(animator: Animator, source: Path, tmp_path: Path) -> None:
    """Two H.264 clips of different sizes are joined in one stream."""
    parts = [
        write_clip(tmp_path / f"{w}.h264", frames=3, size=(w, 64), pixels=pixels, container_format="h264")
        for w, pixels in ((80, driving_pixels), (64, lambda i: GOLDEN.driving[i]))
    ]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    report = animate_file(source, joined, tmp_path / "r.mp4", animator=animator)
    assert report.frames == 6
    assert {frame.shape for frame in frames_of(tmp_path / "r.mp4")} == {(64, 64, 3)}


@pytest.mark.parametrize("view", ["result", "panel", "explain"])
def test_times_each_stage(animator: Animator, source: Path, clip: Path, tmp_path: Path, view: View) -> None:
    report = animate_file(source, clip, tmp_path / "r.mp4", view=view, best_frame="auto", animator=animator)
    assert list(report.stage_s) == ["decode", "networks", "drawing", "encode", "waiting"]
    assert [stage for stage, seconds in report.stage_s.items() if seconds <= 0] == (
        ["drawing"] if view == "result" else []
    )
    in_the_caller = sum(report.stage_s[stage] for stage in ("networks", "drawing", "waiting"))
    assert in_the_caller <= report.seconds


def test_frames_source_and_driving_separately(small_model: Path, source: Path, clip: Path, tmp_path: Path) -> None:
    left = Framing(rectangle=(0, 0, 64, 64))
    with Animator.load(small_model, driving_framing=left, source_framing=Framing("fit")) as animator:
        animate_file(source, clip, tmp_path / "p-%02d.png", view="panel", animator=animator)
    panel = read_picture(tmp_path / "p-01.png")
    assert np.array_equal(panel[:, 64:128], frames_of(clip)[0][:, :64])


@pytest.mark.parametrize(
    "name", ["driving_256_cropped.mp4", "driving_480_glasses.mp4", "driving_480_man.mp4", "driving_720x1280_phone.mp4"]
)
def test_reads_real_clips(
    animator: Animator, shared_media: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    clip, output = shared_media / name, tmp_path / "r.mp4"
    report = animate_file(shared_media / "source_mona_lisa.jpg", clip, output, animator=animator)
    with VideoReader(clip) as before, VideoReader(output) as after:
        assert report.frames == before.timing.frame_count == after.timing.frame_count
        assert after.timing.rate == before.timing.rate
        assert after.timing.duration == before.timing.duration
        assert after.has_audio == before.has_audio
    assert caplog.records == []
    assert logging.getLogger("fomm_rt").level == logging.NOTSET
