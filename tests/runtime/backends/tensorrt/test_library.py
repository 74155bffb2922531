"""When TensorRT can be used: drivers, libraries, their generations and capabilities."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.tensorrt import FakeDriver, Severity, fake_module
from fomm_rt.backends.tensorrt.backend import RTX_CAPABILITIES, rtx_supports, why_tensorrt_unavailable
from fomm_rt.backends.tensorrt.library import load_tensorrt, tensorrt_logger
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver


def test_gpu(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert nvidia_driver.gpu() == nvidia_driver.Gpu("NVIDIA H200", (9, 0), "580.159.04")
    assert nvidia_driver.describe() == "580.159.04, supports CUDA 13.0; NVIDIA H200, sm_90"
    monkeypatch.setattr(nvidia_driver, "RELEASE_FILE", tmp_path / "absent")
    assert nvidia_driver.describe().startswith("CUDA 13.0, supports CUDA 13.0; ")
    for function in ("cuInit", "cuDriverGetVersion", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute"):
        driver.fails = {function}
        assert nvidia_driver.gpu() is None
        assert "finds no device" in nvidia_driver.describe()


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "_library", lambda: None)
    assert not nvidia_driver.is_installed()
    assert nvidia_driver.gpu() is None
    assert nvidia_driver.describe() == "none (libcuda.so.1 is not installed)"
    for flavour in FLAVOURS:
        assert why_tensorrt_unavailable(flavour) == "this machine has no NVIDIA driver"


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ModuleNotFoundError("No module named 'tensorrt'"), r"\(No module named 'tensorrt'\); run: pip install 'fomm-"),
        (
            ImportError("libnvinfer.so.11: cannot open shared object file\nand more"),
            r"\(libnvinfer.so.11: cannot .*t f",
        ),
        (OSError("libcudart.so.12: no such file"), r"cannot be imported \(libcudart.so.12: no such file\)"),
        (RuntimeError(), r"cannot be imported \(RuntimeError\)"),
        (SimpleNamespace(), "cannot be imported .*no attribute '__version__'"),
        (SimpleNamespace(__version__="11.4"), "cannot be imported .*no attribute 'Logger'"),
        (fake_module(version="8.5.3.1"), "expected TensorRT 8.6 or newer; found 8.5.3.1. Run: .* --upgrade"),
    ],
)
def test_unusable_modules(import_as: Callable[[str, Any], None], found: Any, words: str) -> None:
    import_as("tensorrt", found)
    with pytest.raises(BackendError, match=words):
        load_tensorrt("tensorrt")
    problem = why_tensorrt_unavailable("tensorrt")
    assert problem is not None
    assert "\n" not in problem
    # A repaired installation works without a restart.
    import_as("tensorrt", fake_module())
    assert why_tensorrt_unavailable("tensorrt") is None


@pytest.mark.parametrize(
    ("module", "flavour", "version", "plugins"),
    [
        ("tensorrt", "tensorrt", "8.6.0", False),
        ("tensorrt", "tensorrt", "10.8.0.43", False),
        ("tensorrt", "tensorrt", "10.13.3.9.post1", True),
        ("tensorrt_rtx", "tensorrt-rtx", "1.7.1.116", False),
    ],
)
def test_generations(
    import_as: Callable[[str, Any], None], module: str, flavour: str, version: str, plugins: bool
) -> None:
    rtx = flavour == "tensorrt-rtx"
    import_as(module, fake_module(version=version, rtx=rtx))
    library = load_tensorrt(flavour)
    assert library.version == version
    assert library.has_plugins == plugins
    assert library.strongly_typed
    assert library.builds_without_gpu == rtx
    assert library.capabilities == (RTX_CAPABILITIES if rtx else ())
    assert library.describe() == ("TensorRT " if flavour == "tensorrt" else "TensorRT-RTX ") + version


def test_the_logger_keeps_errors(import_as: Callable[[str, Any], None], caplog: pytest.LogCaptureFixture) -> None:
    import_as("tensorrt", fake_module())
    library = load_tensorrt("tensorrt")
    logger = tensorrt_logger(library)
    assert logger is tensorrt_logger(library), "TensorRT has one for all of a process"
    with caplog.at_level(logging.DEBUG, "fomm_rt.tensorrt"):
        for severity in Severity:
            logger.log(severity, f" {severity.name} \n")
    assert [record.getMessage() for record in caplog.records] == ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO"]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert logger.last_error == "ERROR"


def test_the_logger_of_a_real_library() -> None:
    """TensorRT-RTX can be loaded without a GPU, and has the interfaces that the fakes imitate."""
    pytest.importorskip("tensorrt_rtx")
    library = load_tensorrt("tensorrt-rtx")
    trt, logger = library.module, tensorrt_logger(library)
    assert library.strongly_typed
    assert library.builds_without_gpu
    logger.log(trt.ILogger.ERROR, "a failure")
    logger.log(trt.ILogger.VERBOSE, "a detail")
    assert logger.last_error == "a failure"
    assert {"HALF", "FLOAT"} <= set(trt.DataType.__members__)
    assert {"LINEAR", "HWC8", "HWC16", "HWC"} <= set(trt.TensorFormat.__members__)
    assert {"INPUT", "OUTPUT"} <= set(trt.TensorIOMode.__members__)
    assert set(library.capabilities) >= set(RTX_CAPABILITIES)
    calls = {
        trt.ICudaEngine: ("create_runtime_config", "get_device_memory_size_for_profile_v2"),
        trt.IRuntimeConfig: ("create_runtime_cache", "set_runtime_cache"),
        trt.IRuntimeCache: ("serialize", "deserialize"),
        trt.IExecutionContext: (
            *("is_stream_capturable", "update_device_memory_size_for_shapes", "set_device_memory"),
            *("set_optimization_profile_async", "set_input_shape", "set_tensor_address", "execute_async_v3"),
        ),
    }
    assert all(hasattr(kind, call) for kind, names in calls.items() for call in names)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_problems(
    driver: FakeDriver, import_as: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch, flavour: str
) -> None:
    import_as("tensorrt", fake_module())
    import_as("tensorrt_rtx", fake_module(version="1.7.1.116", rtx=True))
    driver.fails = {"cuDeviceGet"}
    assert why_tensorrt_unavailable(flavour) == "the NVIDIA driver finds no GPU"
    monkeypatch.setattr(
        "fomm_rt.backends.tensorrt.backend.driver_problem", lambda: "the NVIDIA driver supports CUDA 12.4"
    )
    assert why_tensorrt_unavailable(flavour) == "the NVIDIA driver supports CUDA 12.4"


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("name", "capability", "supported"),
    [
        ("NVIDIA H200", (9, 0), False),
        ("NVIDIA B200", (10, 0), False),
        ("Jetson AGX Orin", (8, 7), False),
        ("NVIDIA A100", (8, 0), True),
        ("NVIDIA GeForce RTX 4090", (8, 9), True),
    ],
)
@pytest.mark.parametrize("installed", [True, False])
def test_rtx_runs_where_the_library_knows_the_capability(
    import_as: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    capability: tuple[int, int],
    supported: bool,
    installed: bool,
) -> None:
    monkeypatch.setattr(nvidia_driver, "_library", lambda: FakeDriver(name, capability))
    gpu = nvidia_driver.gpu()
    assert gpu is not None
    if installed:
        import_as("tensorrt_rtx", fake_module(version="1.7.1.116", rtx=True))
        problem = f"TensorRT-RTX does not support {gpu.architecture} ({name}); use the backend tensorrt"
        assert why_tensorrt_unavailable("tensorrt-rtx") == (None if supported else problem)
    assert rtx_supports(gpu) == supported


@pytest.mark.usefixtures("driver")
def test_rtx_may_learn_new_capabilities(import_as: Callable[[str, Any], None]) -> None:
    module = fake_module(version="2.0", rtx=True)
    module.ComputeCapability.__members__["SM90"] = None
    import_as("tensorrt_rtx", module)
    assert why_tensorrt_unavailable("tensorrt-rtx") is None
