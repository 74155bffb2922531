"""animate_file: frames, timing, sound, views, references, and results that are complete or absent."""

from __future__ import annotations

import io
import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest

from clips import packet_places, write_clip
from fakes.video_writer import FakeWriter
from fomm_rt.animator import Animator
from fomm_rt.clip import rendering
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.driving import open_driving
from fomm_rt.clip.frame_renderer import View
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.clip.reference import ReferenceSearch
from fomm_rt.clip.report import AnimationReport
from fomm_rt.errors import BackendError, ImageError, MediaError, MotionError, OutputError, StateError
from fomm_rt.files import staging
from fomm_rt.files.staging import StagedOutput
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoFrame, VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.picture import write_picture
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.motion.keypoints import pose_distance
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def driving_pixels(index: int) -> Image:
    """Returns the golden's driving frames in turn, 80 pixels wide, each with its own brightness."""
    frame = GOLDEN.driving[index % 3].astype(int) + index
    return np.pad(frame.clip(0, 255).astype(np.uint8), ((0, 0), (8, 8), (0, 0)), mode="edge")


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model) as animator:
        yield animator


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    write_picture(path, GOLDEN.source)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(
        tmp_path / "clip.mp4",
        frames=7,
        rate=Fraction(30000, 1001),
        size=(80, 64),
        audio="aac",
        pixels=driving_pixels,
        options={"crf": "1"},
    )


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


def test_a_preview_that_fails_ends_the_run(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())

    def fail(_picture: Image) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        animate_file(source, clip, tmp_path / "r.mp4", preview=fail, animator=animator)
    assert sorted(tmp_path.iterdir()) == before


def frames_of(path: Path) -> list[Image]:
    with VideoReader(path) as reader:
        return [frame.pixels for frame in reader]


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


def test_opens_the_driving_file_once_to_look_once_to_read_and_once_for_its_sound(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_in_python, open_in_ffmpeg = io.open, av.open

    def counted_python(file: Any, *arguments: Any, **options: Any) -> Any:
        opened.extend(["python"] if file == clip else [])
        return open_in_python(file, *arguments, **options)

    def counted_ffmpeg(file: Any, *arguments: Any, **options: Any) -> Any:
        opened.extend(["ffmpeg"] if file == str(clip) else [])
        return open_in_ffmpeg(file, *arguments, **options)

    monkeypatch.setattr(io, "open", counted_python)
    monkeypatch.setattr(av, "open", counted_ffmpeg)
    animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert opened == ["python", "ffmpeg", "ffmpeg"]
    opened.clear()
    animate_file(source, clip, tmp_path / "r.mp4", audio=False, animator=animator)
    assert opened == ["python", "ffmpeg"]


def test_checks_each_output_once(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Path] = []
    check_target = staging.check_target

    def counted(target: Path, inputs: Sequence[Path] = ()) -> None:
        checked.append(target)
        check_target(target, inputs)

    monkeypatch.setattr(staging, "check_target", counted)
    output, motion = tmp_path / "r.mp4", tmp_path / "m.npz"
    animate_file(source, clip, output, motion_output=motion, animator=animator)
    assert checked == [output, motion]


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


def test_an_animator_and_options_to_load_one_exclude_each_other(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match="got animator and backend, relative"):
        animate_file(source, clip, tmp_path / "r.mp4", animator=animator, backend="auto", relative=True)
    assert not (tmp_path / "r.mp4").exists()


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


def test_existing_results(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def answer(existing: Sequence[Path], may: bool) -> bool:
        asked.append([path.name for path in existing])
        return may

    old, motion = tmp_path / "r.gif", tmp_path / "m.npz"
    for path in (old, motion):
        path.write_text("old")
    options: dict[str, Any] = {"audio": False, "animator": animator, "motion_output": motion}
    with pytest.raises(OutputError, match=r"r\.gif and .*m\.npz exist already; overwrite with -y"):
        animate_file(source, clip, old, overwrite=False, **options)
    with pytest.raises(OutputError, match="may not be overwritten"):
        animate_file(source, clip, old, overwrite=lambda existing: answer(existing, False), **options)
    assert old.read_text() == motion.read_text() == "old"
    animate_file(source, clip, old, overwrite=lambda existing: answer(existing, True), **options)
    assert asked == [["r.gif", "m.npz"]] * 2
    assert old.read_bytes()[:3] == b"GIF"
    animate_file(source, clip, old, **options)  # overwrites by default
    animate_file(source, clip, tmp_path / "new.gif", audio=False, animator=animator, overwrite=False)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"source": "absent.png"}, MediaError, "absent.png does not exist"),
        ({"driving": "absent.mp4"}, MediaError, "absent.mp4 does not exist"),
        ({"start_s": 9}, MediaError, "a start at 9 s is past its end"),
        ({"start_s": -1}, MediaError, "start: expected seconds from 0; got -1"),
        ({"duration_s": 0}, MediaError, "expected a duration"),
        ({"best_frame": 7}, MotionError, "there is no frame 7: the driving side has 7 frames"),
        ({"quality": 101}, OutputError, "expected a quality"),
        ({"output_size": 4}, OutputError, "expected an output size"),
        (
            {"source_framing": Framing(rectangle=(60, 0, 20, 20))},
            ImageError,
            "does not lie within the picture of 64×64",
        ),
        (
            {"driving_framing": Framing(rectangle=(60, 0, 30, 20))},
            ImageError,
            "does not lie within the picture of 80×64",
        ),
        ({"overwrite": False, "output": "old.mp4"}, OutputError, "old.mp4 exists already"),
    ],
)
def test_all_inputs_are_checked_before_a_model_is_loaded(
    source: Path, clip: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    (tmp_path / "old.mp4").touch()
    paths = {"source": source.name, "driving": clip.name, "output": "r.mp4"}
    paths |= {name: value for name, value in changes.items() if name in paths}
    options = {name: value for name, value in changes.items() if name not in paths}
    with pytest.raises(error) as raised:
        animate_file(
            *(tmp_path / paths[name] for name in ("source", "driving", "output")),
            model=tmp_path / "missing-model",
            **options,
        )
    assert words in str(raised.value)


def test_a_motion_file_of_another_architecture_is_refused_before_networks_are_loaded(
    animator: Animator, small_model: Path, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "a.gif", motion_output=motion, audio=False, animator=animator)
    with np.load(motion) as arrays:
        content = dict(arrays)
    monkeypatch.setattr(Animator, "load", lambda **_: pytest.fail("networks are loaded"))
    for changed in (
        {**content, "value": content["value"][:, :3], "jacobian": content["jacobian"][:, :3]},
        {name: array for name, array in content.items() if name != "jacobian"},
    ):
        np.savez(motion, **changed)
        with pytest.raises(MotionError, match="small_aligned needs 5 keypoints with jacobians"):
            animate_file(source, motion, tmp_path / "r.gif", model=small_model)


def test_paths_are_checked_before_a_model_is_loaded(source: Path, clip: Path, tmp_path: Path) -> None:
    for output, motion in ((clip, None), (tmp_path / "r.mp4", tmp_path / "m.txt"), (tmp_path / "r.avi", None)):
        with pytest.raises(OutputError):
            animate_file(source, clip, output, motion_output=motion, model=tmp_path / "missing-model")


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


def test_a_source_too_large_to_paste_into_is_refused(
    animator: Animator, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "large.png"
    write_picture(source, GOLDEN.source)
    monkeypatch.setattr("fomm_rt.clip.animate_file.FRAME_PIXELS", GOLDEN.source[..., 0].size - 1)
    with pytest.raises(ImageError, match="paste_back makes frames of that size; expected at most"):
        animate_file(source, clip, tmp_path / "r.mp4", animator=animator, paste_back=True)
    assert animate_file(source, clip, tmp_path / "r.mp4", animator=animator).frames == 7


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


def test_skips_a_broken_packet_in_the_middle(
    animator: Animator, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=12, size=(80, 64), pixels=driving_pixels)
    content = bytearray(clip.read_bytes())
    position, size = packet_places(clip)[6]
    content[position : position + size] = b"\xff" * size
    clip.write_bytes(content)
    report = animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert report.frames == 11
    assert report.skipped_packets == 1
    assert "1 broken packet" in caplog.text


def test_warns_of_a_clip_that_was_cut_short(
    animator: Animator, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_clip(
        tmp_path / "clip.mp4",
        frames=40,
        size=(80, 64),
        pixels=driving_pixels,
        container_options={"movflags": "+faststart"},
    )
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    report = animate_file(source, clip, tmp_path / "r.mp4", best_frame="auto", animator=animator)
    assert 0 < report.frames < 40
    assert report.frames + report.missing_frames == 40
    assert [record.message for record in caplog.records if "clip.mp4" in record.message] == [
        f"{clip} ends after {report.frames / 25:.1f} s of 1.6 s; the rest is missing or damaged"
    ]


def test_interrupt_leaves_the_old_result(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    output, motion = tmp_path / "r.mp4", tmp_path / "m.npz"
    output.write_text("old")
    before = sorted(p.name for p in tmp_path.iterdir())

    def interrupt(_stage: str, done: int, _total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        animate_file(source, clip, output, motion_output=motion, progress=interrupt, animator=animator)
    assert output.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_failing_encoder_stops_the_run(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    writer, threads = FakeWriter(at), threading.active_count()
    monkeypatch.setattr(VideoTarget, "open", lambda *_, **__: writer)
    with pytest.raises(OutputError, match="no space left"):
        animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert len(writer.frames) == at
    assert writer.threads_at_the_end == threads


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("error", [BackendError("ONNX Runtime failed"), KeyboardInterrupt()])
def test_failing_networks_leave_nothing(
    animator: Animator,
    source: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    error: BaseException,
) -> None:
    before, threads, frames = sorted(tmp_path.iterdir()), threading.active_count(), itertools.count()
    animate = Animator.animate

    def fail(self: Animator, frame: Image) -> Image:
        if next(frames) == at:
            raise error
        return animate(self, frame)

    monkeypatch.setattr(Animator, "animate", fail)
    with pytest.raises(type(error)) as caught:
        animate_file(source, clip, tmp_path / "r.mp4", motion_output=tmp_path / "m.npz", animator=animator)
    assert caught.value is error
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("best_frame", [None, "auto"])
def test_a_failing_decoder_leaves_nothing(
    animator: Animator,
    source: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    best_frame: Literal["auto"] | None,
) -> None:
    before, threads, seen = sorted(tmp_path.iterdir()), threading.active_count(), list[int]()
    decode = VideoReader._decode_and_warn

    def fail(self: VideoReader) -> Iterator[VideoFrame]:
        for frame in decode(self, None, 1):
            if frame.index == at:
                raise MediaError("clip.mp4 was taken away")
            yield frame

    monkeypatch.setattr(VideoReader, "_decode_and_warn", lambda self, _part, _interval: (frame for frame in fail(self)))
    with pytest.raises(MediaError, match="taken away"):
        animate_file(
            source,
            clip,
            tmp_path / "r.mp4",
            best_frame=best_frame,
            progress=lambda _stage, done, _total: seen.append(done),
            animator=animator,
        )
    assert seen == list(range(1, at + 1))
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("view", ["result", "panel", "explain"])
def test_times_each_stage(animator: Animator, source: Path, clip: Path, tmp_path: Path, view: View) -> None:
    report = animate_file(source, clip, tmp_path / "r.mp4", view=view, best_frame="auto", animator=animator)
    assert list(report.stage_s) == ["decode", "networks", "drawing", "encode", "waiting"]
    assert [stage for stage, seconds in report.stage_s.items() if seconds <= 0] == (
        ["drawing"] if view == "result" else []
    )
    in_the_caller = sum(report.stage_s[stage] for stage in ("networks", "drawing", "waiting"))
    assert in_the_caller <= report.seconds


def test_refuses_a_result_that_is_an_input(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    before = clip.read_bytes()
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    for output in (clip, link, tmp_path / "." / "clip.mp4"):
        with pytest.raises(OutputError, match="input"):
            animate_file(source, clip, output, animator=animator)
    assert clip.read_bytes() == before


@pytest.mark.parametrize("name", ["m.npy", "clip.mp4"])
def test_motion_output_is_checked_first(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, name: str
) -> None:
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="npz"):
        animate_file(source, clip, tmp_path / "r.mp4", motion_output=tmp_path / name, animator=animator)
    assert clip.read_bytes() == before
    assert not (tmp_path / "r.mp4").exists()


def test_numbered_pictures_never_overwrite_the_source(animator: Animator, clip: Path, tmp_path: Path) -> None:
    picture = tmp_path / "r-00001.png"
    write_picture(picture, GOLDEN.source)
    with pytest.raises(OutputError, match="overwrite the input"):
        animate_file(picture, clip, tmp_path / "r-%05d.png", animator=animator)
    assert np.array_equal(read_picture(picture), GOLDEN.source)


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


def test_a_motion_file_never_overwrites_its_own_input(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "r.mp4", motion_output=motion, animator=animator)
    with pytest.raises(OutputError, match="also an input"):
        animate_file(source, motion, tmp_path / "r.mp4", motion_output=motion, animator=animator)


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
