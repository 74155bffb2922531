"""What `CudaDevice` does around the calls of a fake driver; `tests/gpu` tests the calls themselves."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from fomm_rt.backends.gpu.cuda_device import CudaDevice, c_strides, span
from fomm_rt.errors import BackendError


class Result(Enum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901


class Mode(Enum):
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1


class Driver:
    """A fake of CUDA's driver, which logs all calls and fails at one."""

    CUresult = Result
    CUstreamCaptureMode = Mode

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.calls: list[str] = []

    def _call(self, name: str, *values: Any) -> tuple[Any, ...]:
        self.calls.append(name)
        if name == self.fails_at:
            return (Result.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, *(None for _ in values))
        return (Result.CUDA_SUCCESS, *values)

    def cuGetErrorString(self, result: Result) -> tuple[Result, bytes]:  # noqa: N802
        return result, b"the capture was invalidated"

    def __getattr__(self, name: str) -> Any:
        values = {"cuStreamEndCapture": ["graph"], "cuGraphInstantiate": ["executable"]}.get(name, [])
        return lambda *_: self._call(name, *values)


class Stream:
    handle = 7


def device(driver: Driver) -> CudaDevice:
    made = object.__new__(CudaDevice)
    made._driver = driver
    return made


MADE = ["cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphDestroy", "cuGraphUpload"]


def test_capture() -> None:
    driver = Driver()
    collecting: list[bool] = []
    replay = device(driver).capture(Stream(), lambda: collecting.append(gc.isenabled()))
    replay()
    replay()
    assert driver.calls == [*MADE, "cuGraphLaunch", "cuGraphLaunch"]
    assert collecting == [False], "a garbage collection could free memory during the capture"
    assert gc.isenabled()
    del replay
    assert driver.calls[-1] == "cuGraphExecDestroy"


@pytest.mark.parametrize(
    ("fails_at", "calls"),
    [
        ("cuStreamBeginCapture", MADE[:1]),
        ("cuStreamEndCapture", MADE[:2]),
        ("cuGraphInstantiate", MADE[:4]),
        ("cuGraphUpload", [*MADE, "cuGraphExecDestroy"]),
    ],
)
def test_a_capture_that_fails_leaves_nothing(fails_at: str, calls: list[str]) -> None:
    driver = Driver(fails_at)
    with pytest.raises(BackendError, match="capturing a graph failed: the capture was invalidated"):
        device(driver).capture(Stream(), lambda: None)
    gc.collect()
    assert driver.calls == calls
    assert gc.isenabled()


@pytest.mark.parametrize("error", [BackendError("a kernel refuses"), KeyboardInterrupt()])
@pytest.mark.parametrize("invalid", [False, True])
def test_a_failing_capture_is_ended(error: BaseException, invalid: bool) -> None:
    def queue() -> None:
        raise error

    driver = Driver("cuStreamEndCapture" if invalid else "")
    with pytest.raises(type(error)):
        device(driver).capture(Stream(), queue)
    assert driver.calls == ["cuStreamBeginCapture", "cuStreamEndCapture", *([] if invalid else ["cuGraphDestroy"])]


def test_a_failing_replay_raises() -> None:
    driver = Driver("cuGraphLaunch")
    replay = device(driver).capture(Stream(), lambda: None)
    with pytest.raises(BackendError, match="replaying a graph failed: the capture was invalidated"):
        replay()


def test_memory_of_padded_arrays() -> None:
    assert c_strides((2, 3, 4)) == (12, 4, 1)
    assert span((2, 3, 4), (12, 4, 1)) == 24
    assert span((2, 3, 4, 5), (4 * 5 * 8, 1, 5 * 8, 8)) == 2 * 4 * 5 * 8


class TestClose:
    """Freed memory goes back to the driver, and the device's context is released in any case."""

    @pytest.fixture
    def calls(self) -> list[str]:
        return []

    @staticmethod
    def closing(calls: list[str], pool: int | None = 5, broken: bool = False) -> CudaDevice:
        class Stream:
            def sync(self) -> None:
                calls.append("wait")
                if broken:
                    raise RuntimeError("an illegal address was read")

        class TrimmingDriver(Driver):
            def cuMemPoolTrimTo(self, pool: int, kept: int) -> tuple[Any, ...]:  # noqa: N802
                calls.append(f"trim {pool} to {kept}")
                return (Result.CUDA_SUCCESS,)

        made = device(TrimmingDriver())
        made.name, made._closed = "a GPU", False
        made._allocations = Stream()
        made._device = SimpleNamespace(memory_resource=SimpleNamespace(handle=pool) if pool else SimpleNamespace())
        executor: Any = SimpleNamespace(close=lambda: calls.append("release"), current=nullcontext)
        made.executor = executor
        return made

    def test_memory_is_returned(self, calls: list[str]) -> None:
        made = self.closing(calls)
        made.close()
        made.close()
        assert calls == ["wait", "trim 5 to 0", "release"], "once"

    def test_a_gpu_without_pools(self, calls: list[str]) -> None:
        self.closing(calls, pool=None).close()
        assert calls == ["wait", "release"]

    def test_a_broken_context(self, calls: list[str]) -> None:
        with pytest.raises(BackendError, match=r"returning memory of a GPU failed: an illegal address was read$"):
            self.closing(calls, broken=True).close()
        assert calls == ["wait", "release"]
