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
from fomm_bench.quality.comparison import reconstruct, render_quality
from fomm_bench.run.messages import Animated, Memory, Opened
from fomm_bench.run.plan import Pictures
from fomm_bench.run.session import Session
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
