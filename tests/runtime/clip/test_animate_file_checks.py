"""Checks of inputs, outputs and options before a model is loaded or a frame animated."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.errors import ImageError, MediaError, MotionError, OutputError
from fomm_rt.files import staging
from fomm_rt.framing import Framing
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.picture import write_picture
from golden_clip import GOLDEN


def test_opens_the_driving_file_three_times(
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


def test_an_animator_and_options_to_load_one_exclude_each_other(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match="got animator and backend, relative"):
        animate_file(source, clip, tmp_path / "r.mp4", animator=animator, backend="auto", relative=True)
    assert not (tmp_path / "r.mp4").exists()


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


def test_a_source_too_large_to_paste_into_is_refused(
    animator: Animator, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "large.png"
    write_picture(source, GOLDEN.source)
    monkeypatch.setattr("fomm_rt.clip.animate_file.FRAME_PIXELS", GOLDEN.source[..., 0].size - 1)
    with pytest.raises(ImageError, match="paste_back makes frames of that size; expected at most"):
        animate_file(source, clip, tmp_path / "r.mp4", animator=animator, paste_back=True)
    assert animate_file(source, clip, tmp_path / "r.mp4", animator=animator).frames == 7


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


def test_a_motion_file_never_overwrites_its_own_input(
    animator: Animator, source: Path, clip: Path, tmp_path: Path
) -> None:
    motion = tmp_path / "m.npz"
    animate_file(source, clip, tmp_path / "r.mp4", motion_output=motion, animator=animator)
    with pytest.raises(OutputError, match="also an input"):
        animate_file(source, motion, tmp_path / "r.mp4", motion_output=motion, animator=animator)
