"""Fake engines on the stand-in for the driver, and ONNX Runtime to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.animator import FakeGpu
from fomm_rt import Animator
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.model.folder import ModelFolder, open_model_folder


@pytest.fixture
def model(small_model: Path) -> ModelFolder:
    return open_model_folder(small_model)


@pytest.fixture
def fake(model: ModelFolder) -> Iterator[FakeGpu]:
    made = FakeGpu(model)
    yield made
    made.close()


@pytest.fixture
def second() -> Iterator[CudaDevice]:
    """Another GPU."""
    made = CudaDevice(1)
    yield made
    made.close()


@pytest.fixture
def reference(model: ModelFolder) -> Iterator[Animator]:
    with Animator.load(model.path, "onnxruntime-cpu") as animator:
        yield animator
