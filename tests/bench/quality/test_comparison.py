"""Reconstruction of a clip: the exact contestant first, figures for each, and failures of one contestant only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from clips import write_clip
from fomm_bench.contestants.protocol import Entry
from fomm_bench.contestants.registry import choose
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.quality.comparison import ContestantQuality, reconstruct, render_quality
from fomm_bench.quality.measures import FrameQuality
from fomm_bench.results.table import NONE
from fomm_bench.run.messages import Animated, Memory, Opened
from fomm_bench.run.plan import Pictures
from fomm_bench.run.session import Session
from fomm_bench.scenes import PlacedFace, scene
from fomm_rt.animator import Animator
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image


class FakeSession(Session):
    """fomm-rt in this process, with a number added to each prediction."""

    def __init__(self, levels: int, dies_at: int | None = None) -> None:
        self.levels, self.left = levels, dies_at
        self.closed = False

    def open(self, model: ModelSpec, source: Image) -> Opened:
        assert not model.relative
        self.animator = Animator.load(model.folder, "onnxruntime-cpu", relative=model.relative, adapt_scale=False)
        self.animator.set_source(source)
        return Opened("CPU", False, "3", {}, 1.0)

    def first_frame(self, frame: Image) -> float:  # noqa: ARG002
        raise AssertionError("quality measures no speed")

    def animate(self, frames: Image, pictures: bool) -> Animated:
        assert pictures
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise BenchmarkError("out of memory")
        shown = np.stack([self.animator.animate(frame) for frame in frames]).astype(int) + self.levels
        return Animated(np.clip(shown, 0, 255).astype(np.uint8), [], [])

    def animate_batch(self, frames: Image) -> Animated:  # noqa: ARG002
        raise AssertionError("quality measures no batches")

    def memory(self) -> Memory:
        raise AssertionError("quality measures no memory")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clip(tmp_path: Path, pictures: Pictures) -> Path:
    return write_clip(tmp_path / "clip.mp4", frames=10, size=(64, 64), pixels=lambda i: pictures.frames[i % 8])


def absolute(spec: ModelSpec) -> ModelSpec:
    return dataclasses.replace(spec, relative=False)


def test_measures_every_contestant(tiny_spec: ModelSpec, clip: Path) -> None:
    entries = choose(["fomm-rt:onnxruntime-cpu", "onnxruntime", "openvino", "pytorch"])
    entries.sort(key=lambda entry: not entry.name.startswith("fomm-rt"))
    sessions = {
        "fomm-rt:onnxruntime-cpu": FakeSession(0),
        "onnxruntime": FakeSession(2),
        "openvino": FakeSession(0, dies_at=1),
        "pytorch": FakeSession(0, dies_at=0),
    }

    def open_session(entry: Entry) -> FakeSession:
        return sessions[entry.name]

    found = {
        quality.name: quality
        for quality in reconstruct(
            entries, absolute(tiny_spec), clip, 9, open_session=open_session, progress=lambda *_: None
        )
    }
    exact, shifted = found["fomm-rt:onnxruntime-cpu"], found["onnxruntime"]
    assert len(exact.frames) == len(shifted.frames) == 9
    assert exact.exact_psnr_db is None
    assert shifted.exact_psnr_db is not None
    assert 41 < shifted.exact_psnr_db < 44  # two levels are 42.1 dB, less where they are clipped
    means = exact.means()
    assert means["l1"] is not None
    assert 0 < means["l1"] < 1
    for broken in ("openvino", "pytorch"):
        assert found[broken].problem == "failed: out of memory"
        assert found[broken].as_json()["means"] == {}
    assert all(session.closed for session in sessions.values())
    text = "\n".join(render_quality(list(found.values())))
    assert "identical" in text
    assert "openvino failed: out of memory" in text


def test_reports_faces_and_those_that_are_missing() -> None:
    def frame(missing: bool | None, px: float | None) -> FrameQuality:
        return FrameQuality(0.1, 20.0, 0.9, 2.0, missing, px, None if px is None else px / 50)

    frames = [frame(False, 1.0), frame(True, None), frame(False, 4.0), frame(None, None), frame(False, 1.0)]
    quality = ContestantQuality("onnxruntime", "fp32", frames=frames, exact_mse=[0.0] * 5)
    assert quality.faces() == (4, 3)
    found = quality.as_json()
    assert found["faces"] == {"true": 4, "found": 3}
    assert found["means"]["face_missing"] == 0.25
    assert found["means"]["landmark_px"] == 2
    assert found["means"]["landmark_eye_distances"] == pytest.approx(0.04)
    assert render_quality([quality])[-1].split()[-5:] == ["2.000", "2.000", "0.0400", "3/4", "identical"]


def test_a_clip_without_faces_has_no_landmarks() -> None:
    quality = ContestantQuality("onnxruntime", "fp32", frames=[FrameQuality(0.1, 20.0, 0.9, 2.0)], exact_mse=[0.0])
    assert quality.as_json()["faces"] == {"true": 0, "found": 0}
    assert quality.means()["landmark_px"] is None
    assert quality.means()["face_missing"] is None
    assert render_quality([quality])[-1].split()[-5:] == ["2.000", NONE, NONE, NONE, "identical"]


def test_finds_the_faces_of_a_clip(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    """Stand-in weights draw no faces, so those of the clip are missing in the predictions."""
    clip = write_clip(
        tmp_path / "faces.mp4",
        frames=3,
        size=(64, 64),
        pixels=lambda i: scene(64, 64, PlacedFace(1, (30 + i, 34), 36)),
    )
    (quality,) = reconstruct(
        choose(["fomm-rt:onnxruntime-cpu"]),
        absolute(tiny_spec),
        clip,
        3,
        open_session=lambda _entry: FakeSession(0),
        progress=lambda *_: None,
    )
    assert quality.as_json()["faces"] == {"true": 3, "found": 0}
    assert quality.means()["face_missing"] == 1


def test_fails_without_the_exact_contestant(tiny_spec: ModelSpec, clip: Path) -> None:
    with pytest.raises(BenchmarkError, match="out of memory"):
        reconstruct(
            choose(["onnxruntime"]),
            absolute(tiny_spec),
            clip,
            4,
            open_session=lambda _entry: FakeSession(0, dies_at=0),
            progress=lambda *_: None,
        )
