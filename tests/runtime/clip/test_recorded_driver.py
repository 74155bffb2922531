"""Results by a recorded driver are those by its pictures, bit by bit, with everything that is said about them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm_rt import Animator, FaceFraming, Framing, StateError, animate_file
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.clip.recorded_driver import DriverRequest, record_driver
from fomm_rt.clip.recording_file import recording_from_bytes, recording_to_bytes

VARYING = ("seconds", "fps", "stage_s", "output")


@pytest.fixture(scope="module")
def animator() -> Iterator[Animator]:
    with Animator.load(backend="cpu", source_framing=FaceFraming(), driving_framing=FaceFraming()) as loaded:
        yield loaded


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"best_frame": "auto"},
        {"best_frame": 3},
        {"smooth": 0.5, "start_s": 0.2},
        {"paste_back": True},
    ],
    ids=str,
)
def test_results_are_those_by_the_pictures(
    animator: Animator, tmp_path: Path, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    options = {"duration_s": 0.4, **options}
    source = bundled_avatars()[0]
    caplog.set_level(logging.WARNING)

    def results(driver: Any, name: str) -> tuple[bytes, bytes, dict[str, Any], list[str]]:
        caplog.clear()
        output, motion = tmp_path / f"{name}.mp4", tmp_path / f"{name}.npz"
        said: list[str] = []
        report = asdict(
            animate_file(source, driver, output, animator=animator, motion_output=motion, say=said.append, **options)
        )
        said += [record.getMessage() for record in caplog.records]
        arrays = np.load(motion)
        kept = {key: value for key, value in report.items() if key not in VARYING}
        return output.read_bytes(), b"".join(arrays[key].tobytes() for key in sorted(arrays)), kept, said

    request = DriverRequest(
        bundled_performance(),
        FaceFraming(),
        options.get("start_s", 0),
        options["duration_s"],
        None,
        options.get("best_frame") == "auto",
    )
    recorded = record_driver(animator, request)
    assert recorded is not None
    expected = results(bundled_performance(), "pictures")
    assert results(recorded, "recorded") == expected
    of_another_process = recording_from_bytes(recording_to_bytes(recorded), request, animator)
    assert results(of_another_process, "read") == expected


def test_frames_without_contrast_keep_the_pose_and_are_no_reference(animator: Animator, tmp_path: Path) -> None:
    frames = [np.full((64, 64, 3), 128, np.uint8) for _ in range(6)]
    for index in (2, 3, 5):
        frames[index][:, 8 * index :] = 255 - 40 * index
        frames[index][: 8 * index] = 10 * index
    driver = tmp_path / "driver.mp4"
    _write(driver, frames)
    animator.driving_framing = Framing()
    try:
        request = DriverRequest(driver, Framing())
        recorded = record_driver(animator, request)
        assert recorded is not None
        read = recording_from_bytes(recording_to_bytes(recorded), request, animator)
        reports = [
            animate_file(bundled_avatars()[1], each, tmp_path / name, animator=animator)
            for each, name in ((recorded, "a.mp4"), (read, "b.mp4"), (driver, "c.mp4"))
        ]
    finally:
        animator.driving_framing = FaceFraming()
    assert len({(tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4")}) == 1
    assert [report.reference_frame for report in reports] == [2, 2, 2]


def test_a_recording_is_refused_for_other_options(animator: Animator, tmp_path: Path) -> None:
    request = DriverRequest(bundled_performance(), FaceFraming(), duration_s=0.1)
    recorded = record_driver(animator, request)
    assert recorded is not None
    source, output = bundled_avatars()[0], tmp_path / "r.mp4"
    refused: list[dict[str, Any]] = [{"view": "panel"}, {"start_s": 1}, {"best_frame": "auto"}]
    for options in refused:
        with pytest.raises(StateError):
            animate_file(source, recorded, output, animator=animator, **{"duration_s": 0.1, **options})
    with pytest.raises(StateError, match="another animator"):
        animate_file(source, recorded, output, duration_s=0.1)
    assert not output.exists()


def _write(path: Path, frames: list[Any]) -> None:
    from fomm_rt import VideoWriter

    with VideoWriter(path, 25, quality=100) as writer:
        for frame in frames:
            writer.write(frame)
