"""What `CudaDevice` does around cuda.core's calls, with those played; the calls themselves are for `tests/gpu`."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from fomm_rt.backends.cuda_device import CudaDevice, c_strides, span
from fomm_rt.errors import BackendError


class Builder:
    """cuda.core's, which fails at a call and notes all of them."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails_at:
            raise RuntimeError("the capture was invalidated")

    def begin_building(self, mode: str) -> None:
        assert mode == "thread_local"
        self._call("begin")

    def end_building(self) -> Builder:
        self._call("end")
        return self

    def complete(self) -> Builder:
        self._call("complete")
        return self

    def upload(self, stream: Any) -> None:
        del stream
        self._call("upload")

    def launch(self, stream: Any) -> None:
        del stream
        self._call("launch")

    def close(self) -> None:
        self.calls.append("close")


class Stream:
    def __init__(self, builder: Builder) -> None:
        self.create_graph_builder = lambda: builder


@pytest.fixture
def device() -> CudaDevice:
    return object.__new__(CudaDevice)


def test_capture(device: CudaDevice) -> None:
    builder = Builder()
    collecting: list[bool] = []
    replay = device.capture(Stream(builder), lambda: collecting.append(gc.isenabled()))
    replay()
    replay()
    assert builder.calls == ["begin", "end", "complete", "upload", "launch", "launch"]
    assert collecting == [False], "what garbage frees, a capture does not allow"
    assert gc.isenabled()


@pytest.mark.parametrize("fails_at", ["begin", "end", "complete"])
def test_a_capture_that_fails_is_ended(device: CudaDevice, fails_at: str) -> None:
    builder = Builder(fails_at)
    with pytest.raises(BackendError, match="capturing a graph failed: the capture was invalidated"):
        device.capture(Stream(builder), lambda: None)
    assert builder.calls[-1] == "close"
    assert gc.isenabled()


@pytest.mark.parametrize("error", [BackendError("a kernel refuses"), KeyboardInterrupt()])
def test_a_capture_that_is_left_is_ended(device: CudaDevice, error: BaseException) -> None:
    def queue() -> None:
        raise error

    builder = Builder()
    with pytest.raises(type(error)):
        device.capture(Stream(builder), queue)
    assert builder.calls == ["begin", "close"]


def test_memory_of_padded_arrays() -> None:
    assert c_strides((2, 3, 4)) == (12, 4, 1)
    assert span((2, 3, 4), (12, 4, 1)) == 24
    assert span((2, 3, 4, 5), (4 * 5 * 8, 1, 5 * 8, 8)) == 2 * 4 * 5 * 8
