"""What `throughput.py` measures and when it refuses, on the stand-in for the driver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import throughput
from onnx import numpy_helper
from throughput import Bench, Targets, measure, verdict

from fakes.trunks import FakeTrunks
from fomm_build.trunks import cut_trunks
from fomm_kernels import driver_problem
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.backends.protocol import STAGES, BackendDescription
from fomm_rt.errors import EngineError
from fomm_rt.model.folder import ModelFolder, open_model_folder

FRAMES, ROUNDS = 6, 2
MOST = 4
"""Frames that the fake engines take at a time."""


@pytest.fixture
def model(small_model: Path) -> ModelFolder:
    return open_model_folder(small_model)


@pytest.fixture
def bench(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(throughput, "WARM_UP_S", 0.0)
    return bench_of(model)


def bench_of(model: ModelFolder, spoilt_from: int = MOST + 1) -> Bench:
    """On fake engines, whose predictions are wrong if they are for so many frames at a time."""

    def open_backend(batch: int, captures: bool) -> GpuBackend:
        if batch > MOST:
            raise EngineError(f"no engines for batches of {batch}")
        trunks = cut_trunks(model)
        if batch >= spoilt_from:
            spoil(trunks["generator"])
        description = BackendDescription("fake", "a fake GPU", "a test")
        return GpuBackend(model.manifest, CudaDevice(), FakeTrunks(trunks), np.float32, batch, description, captures)

    return Bench(model, "fp32", open_backend, FRAMES, ROUNDS)


def spoil(trunk: onnx.ModelProto) -> None:
    """Halves the weights of the last convolution."""
    name = [node for node in trunk.graph.node if node.op_type == "Conv"][-1].input[1]
    (weights,) = [tensor for tensor in trunk.graph.initializer if tensor.name == name]
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) / 2, name))


@pytest.mark.stand_in
def test_everything_is_measured_and_kept_at_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    document: dict[str, Any] = {}
    kept: list[list[str]] = []
    measure(bench, [1, MOST, 32], document, lambda: kept.append(list(document)))
    assert document["backend"]["name"] == "fake"
    assert document["psnr_db"] >= 48
    assert set(document["single_ms"]) == {"replayed", "step by step", "left on the GPU"}
    for found in document["single_ms"].values():
        assert len(found["samples_ms"]) == FRAMES
        assert 0 < min(found["samples_ms"]) <= found["p50"] <= found["p90"] <= found["p99"] <= max(found["samples_ms"])
    stages = dict(document["stages_ms"])
    assert stages.pop("all") == pytest.approx(sum(stages.values()))
    assert set(stages) == set(STAGES)
    *batched, missing = document["batched"]
    assert [found["batch"] for found in batched] == [1, MOST]
    assert all(len(found["rates"]) == ROUNDS and found["frames_per_s"] > 0 for found in batched)
    assert missing == {"batch": 32, "error": "no engines for batches of 32"}
    assert "stages_ms" not in kept[0]
    assert "batched" not in kept[1]
    assert len(kept) == 2 + 3, "after single frames, after their stages, and after each batch"
    assert "batch  32  no engines for batches of 32" in capsys.readouterr().out


@pytest.mark.stand_in
def test_no_speed_without_agreement(model: ModelFolder) -> None:
    document: dict[str, Any] = {}
    with pytest.raises(SystemExit, match=r"does not agree with ONNX Runtime: .* dB, at least 48 required; no speed"):
        measure(bench_of(model, spoilt_from=1), [1], document, lambda: None)
    assert list(document) == ["backend"]


@pytest.mark.stand_in
def test_no_speed_of_batches_that_differ_from_single_frames(model: ModelFolder) -> None:
    bench = bench_of(model)
    assert set(bench.batched(MOST)) == {"batch", "frames_per_s", "rates"}
    animate = Animator.animate
    spoilt = bench_of(model, spoilt_from=2)
    with spoilt.open(1) as alone, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Animator, "animate", lambda _, frame: animate(alone, frame))
        found = spoilt.batched(MOST)
    assert set(found) == {"batch", "error"}
    assert found["error"].endswith("levels from single frames, at most 2 allowed; no speed is reported")


@pytest.mark.parametrize(
    ("p50", "p99", "rates", "met"),
    [
        (0.6, 0.75, [3000.0, 4000.0], [True, True, True]),
        (0.61, 0.75, [4001.0], [False, True, True]),
        (0.6, 0.76, [4001.0], [True, False, True]),
        (0.6, 0.75, [3999.0, None], [True, True, False]),
        (0.6, 0.75, [], [True, True, False]),
    ],
)
def test_targets(p50: float, p99: float, rates: list[float | None], met: list[bool]) -> None:
    batched = [{"error": "no engines"} if rate is None else {"frames_per_s": rate} for rate in rates]
    document = {"single_ms": {"replayed": {"p50": p50, "p99": p99}}, "batched": batched}
    assert list(verdict(document, Targets(0.60, 0.75, 4000)).values()) == met


def test_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if driver_problem() is None:
        pytest.skip("there is a GPU")
    file = tmp_path / "throughput.json"
    monkeypatch.setattr(sys, "argv", ["throughput.py", "--trunks", "tensorrt", "-o", str(file)])
    with pytest.raises(SystemExit, match="nothing to measure: tensorrt: this machine has no NVIDIA driver"):
        throughput.main()
    assert not file.exists()
