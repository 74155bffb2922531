"""The stand-in for the driver notices what it must: each test does something wrong through the real CUDA packages."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from driver_stand_in.loaded import stand_in
from fomm_kernels import Array, KernelError, grid_sample
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.errors import BackendError
from gpu_rigs import get, put

pytestmark = pytest.mark.stand_in
provokes = pytest.mark.provokes

HOST_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@pytest.fixture
def device() -> Iterator[CudaDevice]:
    made = CudaDevice()
    with made.current():
        yield made
    with suppress(BackendError):  # a test has broken its context
        made.close()


@pytest.fixture
def driver(device: CudaDevice) -> Any:
    """CUDA's driver API, with the device's context current."""
    return device._driver


def checked(answer: tuple[Any, ...]) -> Any:
    result, *values = answer
    assert result == 0, result.name
    return values[0] if values else None


def random(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


class TestMissingSynchronization:
    """Work runs when something waits for it, and not before."""

    def test_results_are_not_there_yet(self, device: CudaDevice) -> None:
        array, host, stream = put(device, random(100)), device.pinned((100,), np.uint8), device.stream()
        device.copy(array, host, stream)
        assert not host.any()
        assert stand_in().waiting() == 1
        device.synchronize(stream)
        assert np.array_equal(host, random(100))

    def test_another_stream_does_not_wait(self, device: CudaDevice) -> None:
        host, out, array = (
            device.pinned((9,), np.uint8),
            device.pinned((9,), np.uint8),
            put(device, np.zeros(9, np.uint8)),
        )
        host[...] = 7
        first, second = device.stream(), device.stream()
        device.copy(host, array, first)
        device.copy(array, out, second)
        device.synchronize(second)
        assert not out.any(), "the copy of the other stream comes later"
        device.copy(host, array, first)
        device.wait(second, int(first.handle))
        device.copy(array, out, second)
        device.synchronize(second)
        assert (out == 7).all()

    def test_a_buffer_that_is_written_too_early(self, device: CudaDevice) -> None:
        host, array, stream = device.pinned((9,), np.uint8), put(device, np.zeros(9, np.uint8)), device.stream()
        host[...] = 1
        device.copy(host, array, stream)
        host[...] = 2
        device.synchronize(stream)
        assert (get(device, array) == 2).all()

    def test_the_default_stream_waits_for_blocking_streams(self, driver: Any, device: CudaDevice) -> None:
        host, array = device.pinned((9,), np.uint8), put(device, np.zeros(9, np.uint8))
        out, address = device.pinned((9,), np.uint8), host.ctypes.data
        host[...] = 3
        blocking = checked(driver.cuStreamCreate(0))
        checked(driver.cuMemcpyAsync(array.address, address, 9, blocking))
        checked(driver.cuMemcpyAsync(out.ctypes.data, array.address, 9, 0))
        checked(driver.cuStreamSynchronize(0))
        assert (out == 3).all()
        checked(driver.cuStreamDestroy(blocking))

    def test_asking_makes_progress(self, driver: Any, device: CudaDevice) -> None:
        array, host, stream = put(device, random(9)), device.pinned((9,), np.uint8), device.stream()
        device.copy(array, host, stream)
        assert driver.cuStreamQuery(stream.handle)[0].name == "CUDA_ERROR_NOT_READY"
        assert driver.cuStreamQuery(stream.handle)[0] == 0
        assert host.any()


class TestMemory:
    @provokes("a queued copy uses 100 bytes of memory after they were freed")
    def test_used_after_free(self, device: CudaDevice) -> None:
        array, host, stream = put(device, random(100)), device.pinned((100,), np.uint8), device.stream()
        device.copy(array, host, stream)
        del array
        device.synchronize(stream)
        assert not host.any()

    @provokes("grid_sample uses .* bytes of memory after they were freed")
    def test_a_kernel_that_uses_freed_memory(self, device: CudaDevice) -> None:
        source, grid = put(device, np.zeros((1, 1, 4, 4), np.float32)), put(device, np.zeros((1, 4, 4, 2), np.float32))
        out, stream = put(device, np.zeros((1, 1, 4, 4), np.float32)), device.stream()
        grid_sample(device.executor, source, grid, out, align_corners=True, stream=stream)
        del source
        device.synchronize(stream)
        assert not get(device, out, np.float32).any(), "it did not run"

    @provokes("cuMemFree of memory that was freed before")
    def test_freed_twice(self, driver: Any) -> None:
        address = checked(driver.cuMemAlloc(100))
        checked(driver.cuMemFree(address))
        assert driver.cuMemFree(address)[0] != 0

    @provokes("cuMemcpyAsync uses bytes 0 to 101 of an allocation of 100 bytes")
    def test_a_copy_beyond_the_end(self, driver: Any, device: CudaDevice) -> None:
        array, host, stream = put(device, random(100)), device.pinned((101,), np.uint8), device.stream()
        assert driver.cuMemcpyAsync(host.ctypes.data, array.address, 101, stream.handle)[0] != 0

    @provokes("uses pageable memory")
    def test_pageable_memory(self, driver: Any, device: CudaDevice) -> None:
        array, host, stream = put(device, random(100)), np.zeros(100, np.uint8), device.stream()
        checked(driver.cuMemcpyAsync(host.ctypes.data, array.address, 100, stream.handle))
        device.synchronize(stream)

    @provokes("grid_sample touches byte [0-9]+ of an allocation of 64 bytes")
    def test_a_kernel_that_leaves_its_array(self, device: CudaDevice) -> None:
        """As on a GPU, the context refuses all that follows. The plugin mends it after the test."""
        small = put(device, np.zeros(64, np.uint8))
        far = Array(small.address, (1, 1, 64, 64), np.dtype(np.float32))
        grid = put(device, np.zeros((1, 64, 64, 2), np.float32))
        out, stream = put(device, np.zeros((1, 1, 64, 64), np.float32)), device.stream()
        grid_sample(device.executor, far, grid, out, align_corners=True, stream=stream)
        with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
            device.synchronize(stream)
        with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
            device.pinned((5,), np.uint8)

    @provokes("bytes beside an allocation of 100 were written")
    def test_bytes_beside_an_allocation(self, driver: Any) -> None:
        address = checked(driver.cuMemAlloc(100))
        ctypes.memset(int(address) + 100, 0, 1)
        checked(driver.cuMemFree(address))

    @provokes("grid_sample is given the address of pageable memory")
    def test_a_kernel_on_host_memory(self, device: CudaDevice) -> None:
        source = np.zeros((1, 1, 4, 4), np.float32)
        here = Array(source.ctypes.data, source.shape, source.dtype)
        grid, out = put(device, np.zeros((1, 4, 4, 2), np.float32)), put(device, source)
        with pytest.raises(KernelError, match="invalid argument"):
            grid_sample(device.executor, here, grid, out, align_corners=True)

    @provokes("uses memory before the stream that allocates it has come to that")
    def test_used_before_its_stream_allocates_it(self, driver: Any, device: CudaDevice) -> None:
        host, busy, quick = device.pinned((9,), np.uint8), device.stream(), device.stream()
        array = put(device, random(9))
        device.copy(array, host, busy)
        address = checked(driver.cuMemAllocAsync(9, busy.handle))
        checked(driver.cuMemcpyAsync(int(address), host.ctypes.data, 9, quick.handle))
        device.synchronize(quick)
        device.synchronize(busy)
        checked(driver.cuMemFreeAsync(address, busy.handle))

    def test_used_in_the_stream_that_allocates_it(self, driver: Any, device: CudaDevice) -> None:
        host, out, stream = device.pinned((9,), np.uint8), device.pinned((9,), np.uint8), device.stream()
        host[...] = random(9)
        array = put(device, random(9))
        device.copy(array, host, stream)
        address = checked(driver.cuMemAllocAsync(9, stream.handle))
        checked(driver.cuMemcpyAsync(int(address), host.ctypes.data, 9, stream.handle))
        checked(driver.cuMemcpyAsync(out.ctypes.data, int(address), 9, stream.handle))
        checked(driver.cuMemFreeAsync(address, stream.handle))
        device.synchronize(stream)
        assert np.array_equal(out, random(9))


class TestContexts:
    @provokes("cuMemAlloc without a current context")
    def test_none(self, driver: Any, device: CudaDevice) -> None:
        del device
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(driver.cuMemAlloc(100)))
        thread.start()
        thread.join()
        assert answers[0][0].name == "CUDA_ERROR_INVALID_CONTEXT"

    @provokes("grid_sample is launched on a stream of device 1 in the context of device 0")
    def test_a_stream_of_another_device(self, device: CudaDevice) -> None:
        other = CudaDevice(1)
        with other.current():
            stream = other.stream()
        arrays = [put(device, np.zeros(shape, np.float32)) for shape in ((1, 1, 4, 4), (1, 4, 4, 2), (1, 1, 4, 4))]
        with pytest.raises(Exception, match="invalid resource handle"):
            grid_sample(device.executor, *arrays, align_corners=True, stream=stream)
        del stream
        other.close()

    @provokes("on device 0 uses memory of device 1")
    def test_memory_of_another_device(self, device: CudaDevice) -> None:
        other = CudaDevice(1)
        far, near, stream = put(other, random(9)), put(device, random(9)), device.stream()
        with pytest.raises(BackendError, match="copying failed"):
            device.copy(far, near, stream)
        del far
        other.close()


class TestCaptures:
    @pytest.mark.parametrize(
        "call",
        [
            pytest.param("cuMemAlloc", marks=provokes("cuMemAlloc while a stream is captured")),
            pytest.param("cuCtxSynchronize", marks=provokes("cuCtxSynchronize while a stream is captured")),
            pytest.param("cuMemFreeAsync", marks=provokes("cuMemFreeAsync while a stream is captured")),
        ],
    )
    def test_calls_that_break_one(self, device: CudaDevice, driver: Any, call: str) -> None:
        stream, other = device.stream(), device.stream()
        kept = checked(driver.cuMemAllocAsync(9, other.handle))
        arguments = {"cuMemAlloc": [9], "cuCtxSynchronize": [], "cuMemFreeAsync": [kept, other.handle]}[call]
        with pytest.raises(BackendError, match="previous error during capture"):
            device.capture(stream, lambda: getattr(driver, call)(*arguments))
        checked(driver.cuMemFreeAsync(kept, other.handle))

    def test_another_thread_may(self, device: CudaDevice) -> None:
        """In the mode that the runtime captures in."""
        stream, host, array = device.stream(), device.pinned((9,), np.uint8), put(device, random(9))

        def elsewhere() -> None:
            with device.current():
                device.allocate((100,), np.uint8)

        def queue() -> None:
            device.copy(array, host, stream)
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()

        device.capture(stream, queue)()
        device.synchronize(stream)
        assert np.array_equal(host, random(9))

    @provokes("captured work cannot wait for work that is not captured")
    def test_waiting_for_other_work(self, device: CudaDevice) -> None:
        stream, other = device.stream(), device.stream()
        with pytest.raises(BackendError):
            device.capture(stream, lambda: device.wait(stream, int(other.handle)))

    def test_other_streams_join(self, device: CudaDevice, driver: Any) -> None:
        fork, join = (checked(driver.cuEventCreate(2)) for _ in range(2))
        first, second = device.stream(), device.stream()
        array, host, out = put(device, random(9)), device.pinned((9,), np.uint8), device.pinned((9,), np.uint8)

        def queue() -> None:
            device.copy(array, host, first)
            checked(driver.cuEventRecord(fork, first.handle))
            checked(driver.cuStreamWaitEvent(second.handle, fork, 0))
            device.copy(array, out, second)
            checked(driver.cuEventRecord(join, second.handle))
            checked(driver.cuStreamWaitEvent(first.handle, join, 0))

        device.capture(first, queue)()
        assert not out.any()
        device.synchronize(first)
        assert np.array_equal(host, random(9))
        assert np.array_equal(out, random(9))
        for event in (fork, join):
            checked(driver.cuEventDestroy(event))

    @provokes("before the stream waited for the others of the capture")
    def test_a_stream_that_does_not_come_back(self, device: CudaDevice, driver: Any) -> None:
        fork = checked(driver.cuEventCreate(2))
        first, second = device.stream(), device.stream()
        array, host = put(device, random(9)), device.pinned((9,), np.uint8)

        def queue() -> None:
            checked(driver.cuEventRecord(fork, first.handle))
            checked(driver.cuStreamWaitEvent(second.handle, fork, 0))
            device.copy(array, host, second)

        with pytest.raises(BackendError):
            device.capture(first, queue)
        checked(driver.cuEventDestroy(fork))

    @provokes("a queued copy uses 9 bytes of memory after they were freed")
    def test_a_graph_outlives_its_memory(self, device: CudaDevice) -> None:
        stream, host, array = device.stream(), device.pinned((9,), np.uint8), put(device, random(9))
        arrays = [array]
        replay = device.capture(stream, lambda: device.copy(arrays[0], host, stream))
        del array
        arrays.clear()
        replay()
        device.synchronize(stream)


class TestGraphs:
    def captured(self, driver: Any, stream: Any, work: Callable[[], None]) -> Any:
        checked(driver.cuStreamBeginCapture(stream.handle, driver.CUstreamCaptureMode(1)))
        work()
        return checked(driver.cuStreamEndCapture(stream.handle))

    def test_update(self, device: CudaDevice, driver: Any) -> None:
        """A graph takes other addresses, but no other kinds of work."""
        stream, host = device.stream(), device.pinned((9,), np.uint8)
        first, second = put(device, random(9)), put(device, random(18)[9:])
        graphs = [
            self.captured(driver, stream, lambda: device.copy(first, host, stream)),
            self.captured(driver, stream, lambda: device.copy(second, host, stream)),
            self.captured(driver, stream, lambda: None),
        ]
        executable = checked(driver.cuGraphInstantiate(graphs[0], 0))
        update = stand_in().library.cuGraphExecUpdate
        handles = [ctypes.c_void_p(int(graph)) for graph in (executable, *graphs)]
        assert update(handles[0], handles[2], None) == 0
        assert update(handles[0], handles[3], None) != 0
        checked(driver.cuGraphLaunch(executable, stream.handle))
        device.synchronize(stream)
        assert np.array_equal(host, random(18)[9:])
        checked(driver.cuGraphExecDestroy(executable))
        for graph in graphs:
            checked(driver.cuGraphDestroy(graph))

    @provokes("cuGraphLaunch: the executable graph was destroyed before")
    def test_launched_after_its_end(self, device: CudaDevice, driver: Any) -> None:
        stream = device.stream()
        graph = self.captured(driver, stream, lambda: None)
        executable = checked(driver.cuGraphInstantiate(graph, 0))
        checked(driver.cuGraphExecDestroy(executable))
        assert driver.cuGraphLaunch(executable, stream.handle)[0] != 0
        checked(driver.cuGraphDestroy(graph))


class TestLeaks:
    def test_what_a_test_leaves_is_listed(self, driver: Any) -> None:
        before = stand_in().objects_made()
        address, event = checked(driver.cuMemAlloc(100)), checked(driver.cuEventCreate(0))
        assert [(left.kind, left.size_bytes) for left in stand_in().leftovers(before)] == [
            ("allocation", 100),
            ("event", 0),
        ]
        checked(driver.cuMemFree(address))
        checked(driver.cuEventDestroy(event))
        assert not stand_in().leftovers(before)

    def test_pools_keep_what_was_freed_until_it_is_trimmed(self, device: CudaDevice, driver: Any) -> None:
        def free() -> int:
            return int(driver.cuMemGetInfo()[1])

        pool = checked(driver.cuDeviceGetDefaultMemPool(0))
        checked(driver.cuMemPoolTrimTo(pool, 0))
        before = free()
        del before
        array = put(device, np.zeros(1 << 20, np.uint8))
        taken = free()
        del array
        assert free() == taken
        checked(driver.cuMemPoolTrimTo(pool, 0))
        assert free() >= taken + (1 << 20)


class TestHostFunctions:
    @provokes("cuCtxGetCurrent in a host function, where no call is permitted")
    def test_they_may_call_nothing(self, device: CudaDevice) -> None:
        stream, answers = device.stream(), []
        function = HOST_FUNCTION(lambda _: answers.append(stand_in().library.cuCtxGetCurrent(None)))
        assert stand_in().library.cuLaunchHostFunc(ctypes.c_void_p(int(stream.handle)), function, None) == 0
        device.synchronize(stream)
        assert answers == [800]
