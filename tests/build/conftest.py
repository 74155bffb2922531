"""Fixtures of the build tests. TensorRT-RTX must be installed: it builds engines without a GPU, so no test skips."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt.backends.tensorrt.library import TensorRT, load_tensorrt
from fomm_rt.engines.manifest import TENSORRT_RTX
from fomm_rt.engines.store import EngineStore
from fomm_rt.machine import nvidia_driver


@pytest.fixture(scope="session")
def rtx() -> TensorRT:
    return load_tensorrt(TENSORRT_RTX)


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides a GPU of this machine; `tests/gpu` tests what needs one."""
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: None)
