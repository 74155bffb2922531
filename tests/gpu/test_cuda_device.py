"""The device of the kernel path, against NumPy.

Without a GPU, the tests run on the stand-in for its driver.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_kernels import KERNELS, Array, HostKernels, grid_sample
from fomm_kernels.arrays import view
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.engine_memory import HWC8, tensor_strides
from fomm_rt.errors import BackendError
from gpu_rigs import get, is_stand_in, put

pytestmark = pytest.mark.gpu

LARGE = (1 << 20 if is_stand_in() else 1 << 26,)
"""Bytes whose copy takes long enough that code that does not wait comes too early. The stand-in is always late."""


def random(*shape: int, dtype: Any = np.uint8, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 255, shape).astype(dtype)


def test_it_says_what_it_is(device: Device) -> None:
    assert device.name
    assert device.executor.on_device


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("shape", [(1,), (3, 5, 7), (1, 4096, 257)])
def test_memory_is_zeroed(device: Device, shape: tuple[int, ...], dtype: Any) -> None:
    """Repeatedly, because freed memory comes back with its old content."""
    for _ in range(4):
        with device.current():
            array = device.allocate(shape, dtype)
        assert not get(device, array, dtype).any()
        with device.current():
            stream, host = device.stream(), device.pinned(shape, dtype)
            host[...] = 77
            device.copy(host, array, stream)
            device.synchronize(stream)
        assert (get(device, array, dtype) == 77).all()


def test_arrays_say_where_they_lie(device: Device) -> None:
    with device.current():
        seen = view(device.allocate((2, 3, 4), np.float16, (24, 1, 6)), "array")
    assert (seen.shape, seen.strides) == ((2, 3, 4), (24, 1, 6))
    assert seen.dtype == np.float16
    assert seen.on_device
    assert seen.writable
    assert seen.address


def test_pinned_memory_is_zeroed_and_writable(device: Device) -> None:
    with device.current():
        host = device.pinned((5, 7), np.float32)
    assert host.flags.c_contiguous
    assert not host.any()
    host[...] = 3
    assert host.sum() == 105


@pytest.mark.parametrize("shape", [(1,), (64, 64, 3), (3, 480, 640, 3)])
def test_copies_both_ways(device: Device, shape: tuple[int, ...]) -> None:
    expected = random(*shape)
    assert np.array_equal(get(device, put(device, expected)), expected)


def test_copies_of_padded_arrays(device: Device) -> None:
    """Padding is copied, too, so a copy of a copy is identical to the last byte."""
    shape = (2, 3, 4, 5)
    padded = tensor_strides(HWC8, shape)
    assert padded is not None
    values = random(2 * 4 * 5 * 8, dtype=np.float16)
    with device.current():
        stream = device.stream()
        flat, host = device.pinned(values.shape, np.float16), device.pinned(values.shape, np.float16)
        flat[...] = values
        first, second = device.allocate(shape, np.float16, padded), device.allocate(shape, np.float16, padded)
        device.copy(flat, first, stream)
        device.copy(first, second, stream)
        device.copy(second, host, stream)
        device.synchronize(stream)
    assert np.array_equal(host, values)


@pytest.mark.parametrize(("given", "wanted"), [(0, 0), (5, 0), (0, 5), (7, 2)])
def test_pictures_with_padded_rows(device: Device, given: int, wanted: int) -> None:
    """Bytes between the rows do not change."""
    height, width = 9, 13
    rows, out = random(height, 3 * width + given), random(height, 3 * width + wanted, seed=1)
    source, target = put(device, rows), put(device, out)
    with device.current():
        stream = device.stream()
        device.copy_picture(_picture(source, width), _picture(target, width), stream)
        device.synchronize(stream)
    expected = out.copy()
    expected[:, : 3 * width] = rows[:, : 3 * width]
    assert np.array_equal(get(device, target), expected)


def _picture(rows: Any, width: int) -> Array:
    """(H, bytes of a row) viewed as (H, width, 3)."""
    seen = view(rows, "rows")
    return Array(seen.address, (seen.shape[0], width, 3), seen.dtype, (seen.shape[1], 3, 1))


def test_work_on_one_stream_is_in_order(device: Device) -> None:
    values = [random(*LARGE, seed=seed) for seed in range(3)]
    with device.current():
        stream = device.stream()
        hosts, array, out = [device.pinned(LARGE, np.uint8) for _ in values], device.allocate(LARGE, np.uint8), []
        for host, value in zip(hosts, values, strict=True):
            host[...] = value
            device.copy(host, array, stream)
            out.append(device.pinned(LARGE, np.uint8))
            device.copy(array, out[-1], stream)
        device.synchronize(stream)
    for found, value in zip(out, values, strict=True):
        assert np.array_equal(found, value)


def test_a_stream_waits_for_another(device: Device) -> None:
    """The stream would finish much earlier without the wait, which covers only work queued before it."""
    for number in range(5):
        with device.current():
            slow, quick = device.stream(), device.stream()
            host, out = device.pinned(LARGE, np.uint8), device.pinned(LARGE, np.uint8)
            host[...] = number + 1
            arrays = [device.allocate(LARGE, np.uint8) for _ in range(4)]
            for source, target in zip([host, *arrays], arrays, strict=False):
                device.copy(source, target, slow)
            device.wait(quick, int(slow.handle))
            device.copy(arrays[-1], out, quick)
            device.synchronize(quick)
            assert (out == number + 1).all()
            device.synchronize(slow)


class TestCapture:
    """Captured work runs when it is replayed, on the current content of its addresses."""

    def test_replays(self, device: Device) -> None:
        with device.current():
            stream = device.stream()
            host, out = device.pinned((1000,), np.uint8), device.pinned((1000,), np.uint8)
            array, copied = device.allocate((1000,), np.uint8), device.allocate((1000,), np.uint8)

            def queue() -> None:
                device.copy(host, array, stream)
                device.copy(array, copied, stream)
                device.copy(copied, out, stream)

            host[...] = 5
            replay = device.capture(stream, queue)
            device.synchronize(stream)
            assert not out.any(), "capturing runs nothing"
            for number in range(1, 20):
                host[...] = number
                replay()
                device.synchronize(stream)
                assert (out == number).all()

    def test_kernels(self, device: Device) -> None:
        """Kernels are loaded with the device, so a graph can hold one that never ran."""
        source, grid = random(1, 8, 9, 7, dtype=np.float32), np.linspace(-1.1, 1.1, 1 * 5 * 6 * 2, dtype=np.float32)
        grid, expected = grid.reshape(1, 5, 6, 2), np.empty((1, 8, 5, 6), np.float32)
        grid_sample(HostKernels(), source, grid, expected, align_corners=True)
        given, places = put(device, source), put(device, grid)
        with device.current():
            stream, out = device.stream(), device.allocate(expected.shape, np.float32)
            replay = device.capture(
                stream, lambda: grid_sample(device.executor, given, places, out, align_corners=True, stream=stream)
            )
            replay()
            device.synchronize(stream)
        assert np.abs(get(device, out, np.float32) - expected).max() <= 1e-4 * 255

    def test_events_are_recorded_anew_by_every_replay(self, device: Device) -> None:
        with device.current():
            stream = device.stream()
            before, begin, end = device.event(), device.event(), device.event()
            array, copied = device.allocate(LARGE, np.uint8), device.allocate(LARGE, np.uint8)

            def queue() -> None:
                device.record(begin, stream)
                device.copy(array, copied, stream)
                device.record(end, stream)

            queue()
            device.synchronize(stream)
            assert device.elapsed_ms(begin, end) > 0
            replay = device.capture(stream, queue)
            for _ in range(3):
                device.record(before, stream)
                replay()
                device.synchronize(stream)
                assert device.elapsed_ms(before, begin) >= 0, "an event of the replay before would be earlier"
                assert device.elapsed_ms(begin, end) > 0

    @pytest.mark.parametrize(
        "refused_by",
        ["the caller", pytest.param("the device", marks=pytest.mark.provokes("cuStreamSynchronize while a stream is"))],
    )
    def test_a_failed_one_leaves_the_stream_usable(self, device: Device, refused_by: str) -> None:
        with device.current():
            stream = device.stream()
            host, array = device.pinned((100,), np.uint8), device.allocate((100,), np.uint8)
            host[...] = 9

            def queue() -> None:
                device.copy(host, array, stream)
                if refused_by == "the caller":
                    raise ValueError("something else is wrong")
                device.synchronize(stream)  # which nobody may do while it is captured

            with pytest.raises((BackendError, ValueError)):
                device.capture(stream, queue)
            device.synchronize(stream)
        assert not get(device, array).any(), "none of it ran"
        with device.current():
            device.copy(host, array, stream)
            device.synchronize(stream)
            assert (get(device, array) == 9).all()
            device.capture(stream, lambda: device.copy(host, array, stream))()
            device.synchronize(stream)

    def test_what_is_captured_may_be_dropped_while_it_runs(self, device: Device) -> None:
        with device.current():
            stream = device.stream()
            host, array = device.pinned(LARGE, np.uint8), device.allocate(LARGE, np.uint8)
            host[...] = 3
            replay: Callable[[], None] | None = device.capture(stream, lambda: device.copy(host, array, stream))
            assert replay is not None
            replay()
            del replay
            device.synchronize(stream)
        assert (get(device, array) == 3).all()


class TestBesideOtherPrograms:
    """What other users of the driver in the process see."""

    @pytest.fixture
    def cuda(self, gpu: Any) -> Any:
        """The functions of CUDA's driver."""
        return gpu.driver

    @pytest.fixture
    def made(self, cuda: Any) -> Any:
        del cuda  # which brings the GPU
        from fomm_rt.backends.gpu.cuda_device import CudaDevice

        device = CudaDevice()
        yield device
        device.close()

    def test_memory_that_there_is_not(self, made: Any) -> None:
        with made.current(), pytest.raises(BackendError, match=r"allocating .* MiB on .* failed"):
            made.allocate((1 << 50,), np.uint8)
        assert np.array_equal(get(made, put(made, random(100))), random(100)), "it goes on"

    def test_arrays_free_their_memory(self, made: Any, cuda: Any) -> None:
        def free() -> int:
            result, found, _ = cuda.cuMemGetInfo()
            assert result == 0
            return int(found)

        put(made, random(*LARGE))
        before = free()
        for _ in range(20):
            put(made, random(*LARGE))
        assert before - free() <= LARGE[0], "twenty times as much was taken"

    def test_the_threads_context_stays(self, made: Any, cuda: Any) -> None:
        from concurrent.futures import ThreadPoolExecutor

        def use() -> int:
            assert np.array_equal(get(made, put(made, random(100))), random(100))
            return int(cuda.cuCtxGetCurrent()[1])

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(use).result() == 0

    def test_close(self, made: Any, cuda: Any) -> None:
        """A closed device refuses calls; others still work. Closing twice does nothing."""
        from fomm_rt.backends.gpu.cuda_device import CudaDevice

        del cuda
        other = CudaDevice()
        array = put(other, random(100))
        other.close()
        other.close()
        shape = (1, 8, 4, 4)
        source, grid, out = (np.zeros(s, np.float32) for s in (shape, (1, 4, 4, 2), shape))
        arrays = [put(made, one) for one in (source, grid, out)]
        with pytest.raises(BackendError, match="closed"), made.current(), other.current():
            grid_sample(other.executor, *arrays, align_corners=True)
        with made.current():
            grid_sample(made.executor, *arrays, align_corners=True)
        assert np.array_equal(get(made, put(made, random(100))), random(100))
        del array

    def test_close_returns_memory(self, made: Any, cuda: Any) -> None:
        """The pool of the driver keeps none of the memory that arrays have freed."""
        from fomm_rt.backends.gpu.cuda_device import CudaDevice

        def reserved() -> int:
            pool = cuda.cuDeviceGetDefaultMemPool(0)[1]
            result, found = cuda.cuMemPoolGetAttribute(
                pool, cuda.CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT
            )
            assert result == 0
            return int(found)

        del made
        gc.collect()
        other = CudaDevice()
        put(other, random(*LARGE))
        gc.collect()
        other.close()
        assert reserved() < LARGE[0]

    def test_close_unloads_kernels(self, made: Any) -> None:
        from fomm_rt.backends.gpu.cuda_device import CudaDevice

        if not is_stand_in():
            pytest.skip("a driver does not tell what is loaded")
        from driver_stand_in.loaded import stand_in

        def loaded() -> int:
            return sum(left.kind == "library" for left in stand_in().leftovers())

        del made
        before = loaded()
        other = CudaDevice()
        assert loaded() == before + 2 * len(KERNELS)
        other.close()
        assert loaded() == before

    def test_gpu_of_an_array(self, made: Any) -> None:
        with made.current():
            array, host = made.allocate((100,), np.uint8), np.zeros(100, np.uint8)
            assert made.gpu_of(array.address) == made.ordinal == 0
            assert made.gpu_of(host.ctypes.data) is None

    def test_no_such_gpu(self, cuda: Any) -> None:
        from fomm_rt.backends.gpu.cuda_device import CudaDevice

        _, count = cuda.cuDeviceGetCount()
        with pytest.raises(BackendError, match=f"0 to {count - 1}; got {count}"):
            CudaDevice(count)
