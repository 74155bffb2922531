"""Every contestant that runs on a CPU gives the reference's pictures; the compiled one with the compiler left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fomm_bench.agreement import compare
from fomm_bench.bench_model import ModelChoice, open_bench_model
from fomm_bench.comparison import Pictures
from fomm_bench.contestants.protocol import STAGES, BatchContestant, Contestant
from fomm_bench.contestants.registry import choose
from fomm_bench.model_spec import ModelSpec
from fomm_bench.reference_networks import build_reference
from fomm_rt.errors import BenchmarkError
from fomm_rt.framing import Image

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
def test_pictures_are_the_references(name: str, relative: bool, tiny_spec: ModelSpec, pictures: Pictures) -> None:
    spec = dataclasses.replace(tiny_spec, relative=relative)
    (entry,) = choose([name])
    reference = animated("pytorch", spec, pictures)
    agreement = compare(animated(name, spec, pictures), reference, entry.requirement)
    assert agreement.agrees, agreement
    assert int(np.ptp(reference[0].astype(int) - reference[5])) > 0  # frames differ, so agreeing says something


@pytest.mark.parametrize("name", ["pytorch", *CONTESTANTS])
def test_batches_are_frames(name: str, tiny_spec: ModelSpec, pictures: Pictures) -> None:
    contestant = opened(name, tiny_spec, pictures)
    single = np.stack([contestant.animate(frame) for frame in pictures.frames[:3]])
    if not isinstance(contestant, BatchContestant):
        assert name.startswith("fomm-rt")
        return
    agreement = compare(contestant.animate_batch(pictures.frames[:3]), single, choose([name])[0].requirement)
    assert agreement.agrees, agreement


def test_a_new_source_is_a_new_reference(tiny_spec: ModelSpec, pictures: Pictures) -> None:
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


def test_the_bundled_models_networks_are_those_of_its_checkpoint() -> None:
    with open_bench_model(ModelChoice(bundled=True), True, lambda _text: None) as model:
        assert model.spec.checkpoint is not None
        assert model.drawn
        networks = build_reference(model.spec)
        assert networks.size == model.manifest.size == 256


def test_another_checkpoint_is_refused(tiny_spec: ModelSpec) -> None:
    with open_bench_model(ModelChoice(bundled=True), True, lambda _text: None) as model:
        wrong = dataclasses.replace(tiny_spec, stand_in_seed=None, checkpoint=model.spec.checkpoint)
        with pytest.raises(BenchmarkError, match="SHA-256 is not that of the checkpoint"):
            build_reference(wrong)
    with pytest.raises(BenchmarkError, match="--checkpoint FILE"):
        build_reference(dataclasses.replace(tiny_spec, stand_in_seed=None))
