"""Whole frames with trunks by PyTorch, on a fake device, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fakes.device import FakeArray, FakeDevice
from fakes.torch_trunks import FakeTorchTrunks
from fomm_bench.kernel_path import torch_trunks
from fomm_bench.kernel_path.torch_trunks import open_on_torch
from fomm_rt import Animator
from fomm_rt.backends.gpu.frame_stream import FrameStream
from fomm_rt.errors import BackendError
from fomm_rt.model.folder import ModelFolder, open_model_folder
from golden_files import Golden

GOLDEN = Golden("small_aligned")
DECIBELS = {"fp16": 40.0, "fp32": 48.0}


@pytest.fixture
def model(small_model: Path) -> ModelFolder:
    return open_model_folder(small_model)


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeDevice]]:
    """The devices that are opened, all fakes; PyTorch's settings are restored."""
    made: list[FakeDevice] = []

    def device() -> FakeDevice:
        made.append(FakeDevice())
        return made[-1]

    monkeypatch.setattr(torch_trunks, "CudaDevice", device)
    kept = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark
    yield made
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark = kept


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_frames_and_batches(model: ModelFolder, devices: list[FakeDevice], precision: str) -> None:
    with (
        Animator(model.manifest, open_on_torch(model, precision, batch=2, trunks=FakeTorchTrunks)) as animator,
        Animator.load(model.path, "onnxruntime-cpu") as exact,
    ):
        assert precision in animator.backend.device
        for one in (animator, exact):
            one.set_source(GOLDEN.source)
        expected = [exact.animate(frame) for frame in GOLDEN.driving]
        for _ in range(2):  # step by step, then replayed
            for frame, wanted in zip(GOLDEN.driving, expected, strict=True):
                error = np.square(animator.animate(frame).astype(float) - wanted).mean()
                assert 10 * np.log10(255**2 / max(error, 1e-9)) >= DECIBELS[precision]
        assert devices[0].replays
        for found, wanted in zip(animator.animate_all(GOLDEN.driving), expected, strict=True):
            assert np.abs(found.astype(int) - wanted).mean() < 2
    assert devices[0].is_closed


def test_tensors_of_half_precision_are_channels_last(model: ModelFolder, devices: list[FakeDevice]) -> None:
    with Animator(model.manifest, open_on_torch(model, trunks=FakeTorchTrunks)) as animator:
        frame_stream = animator._backend._frame_stream  # type: ignore[attr-defined]
        assert isinstance(frame_stream, FrameStream)
        tensors: dict[str, FakeArray] = dict(frame_stream.pipeline.tensors)
        layouts = {name: torch.from_numpy(array.values) for name, array in tensors.items()}
        for name, tensor in layouts.items():
            last = tensor.is_contiguous(memory_format=torch.channels_last)
            assert last or tensor.dtype == torch.float32, name
        assert {tensor.dtype for tensor in layouts.values()} == {torch.float16, torch.float32}
    assert devices


def test_without_a_gpu(model: ModelFolder) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(BackendError, match=r"torch .* finds no usable GPU; install a build for CUDA"):
        open_on_torch(model)
