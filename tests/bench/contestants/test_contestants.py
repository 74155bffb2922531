"""Every contestant on a CPU gives the reference's predictions; the compiled one runs uncompiled here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fomm_bench.contestants import runtime
from fomm_bench.contestants.openvino_library import openvino
from fomm_bench.contestants.protocol import STAGES, Contestant, UnavailableError
from fomm_bench.contestants.registry import choose
from fomm_bench.model.bench_model import ModelChoice, open_bench_model
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.model.reference_networks import build_reference, with_drawn_weights
from fomm_bench.results.agreement import compare
from fomm_bench.run.plan import Pictures
from fomm_rt.animator import Animator
from fomm_rt.errors import BackendError, BenchmarkError, EngineError
from fomm_rt.image import Image
from fomm_rt.machine.onnx_runtime import onnxruntime

CONTESTANTS = ("pytorch-cached", "pytorch-compile", "onnxruntime", "openvino", "fomm-rt:onnxruntime-cpu")


@pytest.fixture(autouse=True)
def _not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_it_is(function: Callable[..., Any], **_options: Any) -> Callable[..., Any]:
        return function

    monkeypatch.setattr(torch, "compile", as_it_is)


def opened(name: str, spec: ModelSpec, pictures: Pictures) -> Contestant:
    (entry,) = choose([name])
    contestant = entry.open(spec)
    contestant.set_source(pictures.source)
    return contestant


def animated(name: str, spec: ModelSpec, pictures: Pictures) -> Image:
    contestant = opened(name, spec, pictures)
    result = np.stack([contestant.animate(frame) for frame in pictures.frames])
    assert set(contestant.stage_ms) <= set(STAGES)
    assert contestant.device.startswith("CPU")
    contestant.close()
    return result


@pytest.mark.parametrize("name", CONTESTANTS)
@pytest.mark.parametrize("relative", [True, False])
def test_agrees_with_the_reference(name: str, relative: bool, tiny_spec: ModelSpec, pictures: Pictures) -> None:
    spec = dataclasses.replace(tiny_spec, relative=relative)
    (entry,) = choose([name])
    reference = animated("pytorch", spec, pictures)
    agreement = compare(animated(name, spec, pictures), reference, entry.requirement)
    assert agreement.agrees, agreement
    # Predictions of the next frame, or of another source, do not agree.
    assert not any(compare(a, b, entry.requirement).agrees for a, b in pairwise(reference))
    mirrored = dataclasses.replace(pictures, source=pictures.source[:, ::-1].copy())
    others = animated("pytorch", spec, mirrored)
    assert not any(compare(a, b, entry.requirement).agrees for a, b in zip(reference, others, strict=True))


@pytest.mark.parametrize("name", ["pytorch", *CONTESTANTS])
def test_batches_equal_single_frames(name: str, tiny_spec: ModelSpec, pictures: Pictures) -> None:
    contestant = opened(name, tiny_spec, pictures)
    single = np.stack([contestant.animate(frame) for frame in pictures.frames[:3]])
    if not contestant.takes_batches:
        assert name.startswith("fomm-rt")
        return
    agreement = compare(contestant.animate_batch(pictures.frames[:3]), single, choose([name])[0].requirement)
    assert agreement.agrees, agreement


def test_a_new_source_resets_the_reference(tiny_spec: ModelSpec, pictures: Pictures) -> None:
    for name in ("pytorch", "onnxruntime", "fomm-rt:onnxruntime-cpu"):
        contestant = opened(name, tiny_spec, pictures)
        first = contestant.animate(pictures.frames[4])
        contestant.animate(pictures.frames[0])
        contestant.set_source(pictures.source)
        np.testing.assert_array_equal(contestant.animate(pictures.frames[4]), first)


def test_the_reference_times_every_stage(tiny_spec: ModelSpec, pictures: Pictures) -> None:
    contestant = opened("pytorch", tiny_spec, pictures)
    contestant.animate(pictures.frames[0])
    expected = ["upload", "detector", "geometry", "dense_motion", "encoder", "warp", "decoder", "download"]
    assert list(contestant.stage_ms) == expected
    assert all(milliseconds >= 0 for milliseconds in contestant.stage_ms.values())


def test_builds_the_networks_of_the_bundled_model() -> None:
    with open_bench_model(ModelChoice(bundled=True), True, lambda _text: None) as model:
        assert model.spec.checkpoint is not None
        assert model.drawn
        networks = build_reference(model.spec)
        assert networks.size == model.manifest.size == 256


def test_rejects_another_checkpoint(tiny_spec: ModelSpec) -> None:
    with open_bench_model(ModelChoice(bundled=True), True, lambda _text: None) as model:
        wrong = dataclasses.replace(tiny_spec, stand_in_seed=None, checkpoint=model.spec.checkpoint)
        with pytest.raises(BenchmarkError, match=r"expected the checkpoint that .*; got SHA-256"):
            build_reference(wrong)
    with pytest.raises(BenchmarkError, match="--checkpoint FILE"):
        build_reference(dataclasses.replace(tiny_spec, stand_in_seed=None))


def test_stand_in_weights_are_read_from_their_file(
    tmp_path: Path, tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = with_drawn_weights(tiny_spec, tmp_path)
    assert drawn.checkpoint is not None
    expected = build_reference(tiny_spec)
    monkeypatch.setattr("fomm_export.checkpoints.stand_in.stand_in_weights", None)  # would draw them again
    found = build_reference(drawn)
    for network in ("kp_detector", "generator"):
        tensors = getattr(expected, network).state_dict()
        for name, tensor in getattr(found, network).state_dict().items():
            assert torch.equal(tensor, tensors[name]), name
    of_others = dataclasses.replace(tiny_spec, stand_in_seed=None)
    assert with_drawn_weights(of_others, tmp_path) is of_others


@pytest.mark.parametrize("name", ["pytorch", *CONTESTANTS])
def test_all_get_the_same_number_of_threads(name: str, tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {}
    compile_model, make_session = openvino.Core.compile_model, onnxruntime.InferenceSession

    def compiled(core: Any, model: Any, device: str, properties: dict[str, Any]) -> Any:
        given["openvino"] = properties["INFERENCE_NUM_THREADS"]
        return compile_model(core, model, device, properties)

    def session(path: str, options: onnxruntime.SessionOptions, **others: Any) -> Any:
        given["onnxruntime"] = options.intra_op_num_threads
        return make_session(path, options, **others)

    monkeypatch.setattr(openvino.Core, "compile_model", compiled)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: given.update(torch=threads))
    (entry,) = choose([name])
    entry.open(dataclasses.replace(tiny_spec, threads=3)).close()
    assert set(given.values()) == {3}


class FakeLoader:
    """Stands in for `Animator.load`: engines are missing until they are built."""

    def __init__(self, builds: bool, batch: int = 1) -> None:
        self.builds, self.batch, self.is_built = builds, batch, False
        self.opened: list[bool] = []

    def load(self, *_arguments: Any, auto_build: bool, **_options: Any) -> Any:
        self.opened.append(auto_build)
        if auto_build and not self.builds:
            raise BackendError("engines cannot be built here; run: pip install tensorrt")
        if not auto_build and not self.is_built:
            raise EngineError("there are no engines")
        self.is_built = True
        return SimpleNamespace(
            backend=SimpleNamespace(name="tensorrt", device="a GPU"),
            batch=self.batch,
            animate_all=lambda frames: (frame + 1 for frame in frames),
            close=lambda: None,
        )


def test_builds_engines_then_opens_them(tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    found = FakeLoader(True)
    monkeypatch.setattr(Animator, "load", found.load)
    contestant = runtime.open_runtime(tiny_spec, "tensorrt", "fp16")
    assert contestant.build_s is not None
    assert found.opened == [False, True, False]
    assert runtime.open_runtime(tiny_spec, "tensorrt", "fp16").build_s is None


def test_engines_that_do_not_reproduce_the_model_fail(tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_arguments: Any, **_options: Any) -> Any:
        raise EngineError("the engines do not reproduce vox")

    monkeypatch.setattr(Animator, "load", load)
    with pytest.raises(EngineError, match="do not reproduce"):
        runtime.open_runtime(tiny_spec, "tensorrt", "fp16")


def test_skips_a_contestant_whose_engines_cannot_be_built(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Animator, "load", FakeLoader(False).load)
    with pytest.raises(UnavailableError, match="run: pip install tensorrt"):
        runtime.open_runtime(tiny_spec, "tensorrt", "fp16")


@pytest.mark.parametrize("batch", [1, 8])
def test_takes_batches_if_its_engines_do(tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(Animator, "load", FakeLoader(True, batch).load)
    contestant = runtime.open_runtime(tiny_spec, "tensorrt", "fp16")
    assert contestant.takes_batches == (batch > 1)
    if contestant.takes_batches:
        frames = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
        assert np.array_equal(contestant.animate_batch(frames), frames + 1)
