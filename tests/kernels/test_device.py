"""DeviceKernels without a GPU: its errors, and its calls of a fake driver."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_kernels import (
    KERNELS,
    Array,
    CompileError,
    DeviceError,
    DeviceKernels,
    HostKernels,
    device,
    driver_problem,
    grid_sample,
)
from fomm_kernels.device import stream_handle
from kernel_memory import random


def test_without_a_driver() -> None:
    problem = driver_problem()
    if problem is None:
        pytest.skip("there is a GPU")
    with pytest.raises(
        DeviceError, match=r"(?s)NVIDIA.*; or run the kernels on the CPU: fomm_kernels\.HostKernels\(\)"
    ):
        DeviceKernels()


PLAYED = (
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease",
    "cuCtxPushCurrent",
    "cuCtxPopCurrent",
    "cuLibraryLoadData",
    "cuLibraryUnload",
    "cuLibraryGetKernel",
    "cuKernelGetFunction",
    "cuFuncLoad",
    "cuLaunchKernel",
    "cuGetErrorString",
)


class Driver:
    """A fake driver: device memory is host memory, and launches run on the CPU.

    Attributes:
        log: Names of calls that change something, launches with their stream.
    """

    CONTEXT = 77

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import cuda.core
        from cuda.bindings import driver

        self.driver = driver
        self.host = HostKernels()
        self.log: list[Any] = []
        self.capability = (9, 0)
        self.version = 13000
        self.devices = 1
        self.answers: dict[str, int] = {}
        self.contexts = threading.local()
        self.names: list[str] = []
        for name in PLAYED:
            monkeypatch.setattr(driver, name, self.played(name))
        monkeypatch.setattr(cuda.core, "Device", lambda _: self)
        monkeypatch.setattr(
            device, "compiled", lambda kernel, half, architecture: f"{kernel}|{half}|{architecture}".encode()
        )

    name = "a pretended GPU"

    @property
    def compute_capability(self) -> tuple[int, int]:
        return self.capability

    def played(self, name: str) -> Any:
        def call(*arguments: Any) -> tuple[Any, ...]:
            result = self.driver.CUresult(self.answers.get(name, 0))
            if result:
                return (result,)
            value = getattr(self, name, lambda *_: None)(*arguments)
            return (result,) if value is None else (result, value)

        return call

    def cuDriverGetVersion(self) -> int:  # noqa: N802
        return self.version

    def cuDeviceGetCount(self) -> int:  # noqa: N802
        return self.devices

    def cuDeviceGet(self, ordinal: int) -> Any:  # noqa: N802
        return self.driver.CUdevice(ordinal)

    def cuDevicePrimaryCtxRetain(self, _: Any) -> Any:  # noqa: N802
        return self.driver.CUcontext(self.CONTEXT)

    def cuDevicePrimaryCtxRelease(self, handle: Any) -> None:  # noqa: N802
        self.log.append(("release", int(handle)))

    def cuCtxPushCurrent(self, context: Any) -> None:  # noqa: N802
        assert int(context) == self.CONTEXT
        self.contexts.depth = getattr(self.contexts, "depth", 0) + 1

    def cuCtxPopCurrent(self) -> Any:  # noqa: N802
        self.contexts.depth -= 1
        return self.driver.CUcontext(self.CONTEXT)

    def cuLibraryLoadData(self, code: bytes, *options: Any) -> Any:  # noqa: N802
        assert options == ([], [], 0, [], [], 0)
        assert self.contexts.depth == 1
        self.names.append(code.decode())
        self.log.append(f"load {self.names[-1]}")
        return self.driver.CUlibrary(len(self.names))

    def cuLibraryUnload(self, library: Any) -> None:  # noqa: N802
        self.log.append(f"unload {self.names[int(library) - 1]}")

    def cuLibraryGetKernel(self, library: Any, name: bytes) -> Any:  # noqa: N802
        assert self.names[int(library) - 1].startswith(f"{name.decode()}|")
        return self.driver.CUkernel(int(library))

    def cuKernelGetFunction(self, kernel: Any) -> Any:  # noqa: N802
        assert self.contexts.depth == 1
        return self.driver.CUfunction(int(kernel))

    def cuGetErrorString(self, _: Any) -> bytes:  # noqa: N802
        return b"it is broken"

    def cuLaunchKernel(self, function: Any, *given: Any) -> None:  # noqa: N802
        assert self.contexts.depth == 1
        x, y, z, *block, shared_bytes, stream, parameters, extra = given
        assert (z, block, extra) == (1, [256, 1, 1], 0)
        kernel, half, _ = self.names[int(function) - 1].split("|")
        structure = ctypes.c_void_p.from_address(parameters).value
        getattr(self.host._libraries[half == "True"], kernel)(ctypes.c_void_p(structure), x, y, shared_bytes)
        self.log.append((kernel, int(self.driver.CUstream(stream))))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    driver = Driver(monkeypatch)
    yield driver
    assert getattr(driver.contexts, "depth", 0) == 0, "contexts are left as they were found"


def sampling(dtype: Any = np.float32) -> tuple[Any, Any, Any]:
    """A source, a grid and an output for `grid_sample`."""
    return (
        random(2, 8, 5, 4).astype(dtype),
        random(2, 3, 7, 2, seed=1).astype(np.float32),
        np.empty((2, 8, 3, 7), dtype),
    )


def launch(kernels: DeviceKernels, arrays: Sequence[NDArray[Any]], stream: Any = None) -> None:
    """Runs `grid_sample` on arrays that claim to be on the GPU."""
    there = [Array(array.ctypes.data, array.shape, array.dtype) for array in arrays]
    grid_sample(kernels, *there, align_corners=True, stream=stream)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_launch(played: Driver, dtype: Any) -> None:
    kernels = DeviceKernels()
    arrays = sampling(dtype)
    launch(kernels, arrays, stream=42)
    code = f"grid_sample|{dtype is np.float16}|sm_90"
    assert played.log == [f"load {code}", ("grid_sample", 42)]
    expected = np.empty_like(arrays[2])
    grid_sample(played.host, arrays[0], arrays[1], expected, align_corners=True)
    assert np.array_equal(arrays[2], expected)

    launch(kernels, arrays)
    assert played.log[2:] == [("grid_sample", 0)], "loaded once"


def test_loading_before_launching(played: Driver) -> None:
    kernels = DeviceKernels()
    kernels.load(half=True)
    assert played.log == [f"load {kernel}|True|sm_90" for kernel in KERNELS]
    kernels.load()
    assert sorted(played.log[len(KERNELS) :]) == sorted(f"load {kernel}|False|sm_90" for kernel in KERNELS)
    launch(kernels, sampling(np.float16))
    launch(kernels, sampling(np.float32))
    assert len(played.log) == 2 * len(KERNELS) + 2, "no launch loads"


def test_closing(played: Driver) -> None:
    with DeviceKernels() as kernels:
        launch(kernels, sampling())
        assert ("release", 0) not in played.log
    assert played.log[-1] == ("release", 0)
    kernels.close()
    assert played.log.count(("release", 0)) == 1
    with pytest.raises(DeviceError, match=r"cannot run grid_sample: these kernels are closed; make new ones"):
        launch(kernels, sampling())
    with pytest.raises(DeviceError, match="closed"):
        kernels.load()


def test_closing_unloads_what_was_loaded(played: Driver) -> None:
    with DeviceKernels() as kernels:
        kernels.load()
        loaded = list(played.log)
    assert len(loaded) == 2 * len(KERNELS)
    assert played.log[len(loaded) :] == [*(f"un{entry}" for entry in loaded), ("release", 0)]


def test_a_kernel_that_cannot_be_loaded(played: Driver) -> None:
    kernels = DeviceKernels()
    played.answers["cuFuncLoad"] = 2
    with pytest.raises(DeviceError, match=r"loading grid_sample for sm_90 fails: it is broken \(CUDA_ERROR_OUT_OF_M"):
        launch(kernels, sampling())
    kernels.close()
    assert played.log == ["load grid_sample|False|sm_90", "unload grid_sample|False|sm_90", ("release", 0)]


def test_a_refused_unloading_releases_the_context(played: Driver) -> None:
    kernels = DeviceKernels()
    kernels.load(half=True)
    played.answers["cuLibraryUnload"] = 700
    with pytest.raises(DeviceError, match="releasing a pretended GPU fails"):
        kernels.close()
    assert played.log[-1] == ("release", 0)
    kernels.close()
    assert played.log.count(("release", 0)) == 1


def test_threads_load_once(played: Driver) -> None:
    kernels = DeviceKernels()
    works = [sampling() for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda arrays: launch(kernels, arrays), works))
    assert sum(isinstance(entry, str) for entry in played.log) == 1
    assert all(np.array_equal(arrays[2], works[0][2]) for arrays in works)


def test_a_refused_launch(played: Driver) -> None:
    kernels = DeviceKernels()
    played.answers["cuLaunchKernel"] = 1
    with pytest.raises(
        DeviceError, match=r"launching grid_sample with 1×2 blocks fails: it is broken \(CUDA_ERROR_INVALID"
    ):
        launch(kernels, sampling())


def test_a_newer_device_takes_ptx(played: Driver) -> None:
    played.capability = (99, 0)
    with pytest.warns(
        RuntimeWarning, match=r"capability 99\.0, newer than NVRTC knows; kernels are compiled for compute_"
    ):
        kernels = DeviceKernels()
    assert kernels.architecture.startswith("compute_")
    launch(kernels, sampling())


def test_an_old_device(played: Driver) -> None:
    played.capability = (6, 1)
    with pytest.raises(CompileError, match=r"capability 6\.1"):
        DeviceKernels()


@pytest.mark.parametrize("ordinal", [-1, 2])
def test_no_such_device(played: Driver, ordinal: int) -> None:
    played.devices = 2
    with pytest.raises(DeviceError, match=f"the number of a GPU, 0 to 1; got {ordinal}"):
        DeviceKernels(ordinal)


def test_problems(played: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert driver_problem() is None
    played.version = 12080
    assert "supports CUDA 12.8, the kernels need 13.0" in (driver_problem() or "")
    played.answers["cuInit"] = 100
    assert "finds no GPU (CUDA_ERROR_NO_DEVICE)" in (driver_problem() or "")

    def missing(_: int) -> None:
        raise RuntimeError("Failed to dlopen libcuda.so.1")

    monkeypatch.setattr(played.driver, "cuInit", missing)
    assert "there is no NVIDIA driver" in (driver_problem() or "")
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    assert "pip install 'fomm-rt[cuda]'" in (driver_problem() or "")


class Stream:
    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, 1234


def test_streams() -> None:
    from cuda.bindings import driver

    assert stream_handle(None) == 0
    assert [stream_handle(stream) for stream in (7, np.int64(8), driver.CUstream(9), Stream())] == [7, 8, 9, 1234]
    with pytest.raises(DeviceError, match=r"expected a stream: .* got a str"):
        stream_handle("fast")
