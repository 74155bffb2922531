"""Frames and results on the device, on the stand-in for the driver."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from driver_stand_in.loaded import stand_in
from fakes.animator import FakeGpu
from fomm_kernels.arrays import Array, view
from fomm_rt import Animator, Framing
from fomm_rt.backends.gpu import device_arrays
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.errors import ImageError
from gpu_frames import GOLDEN, Picture, frames

pytestmark = pytest.mark.stand_in


@pytest.mark.parametrize("row_padding", [0, 5])
def test_pictures_on_the_device(fake: FakeGpu, row_padding: int) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    for frame in frames():
        expected = fake.animator.animate(frame)
        given, out = (
            Picture(fake.device, frame, row_padding),
            Picture(fake.device, np.zeros_like(expected), row_padding),
        )
        assert np.array_equal(fake.animator.animate(given), expected)
        assert fake.animator.animate(given, out) is out
        assert np.array_equal(out.values, expected)
        out.clear()
        fake.animator.animate(frame, out)
        assert np.array_equal(out.values, expected)
        assert np.array_equal(fake.animator.keypoints(given).value, fake.animator.keypoints(frame).value)
    assert set(fake.device.waits) == {1}, "CUDA's default stream"


def test_pictures_on_the_device_are_framed(fake: FakeGpu) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (80, 120, 3), np.uint8)
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    for framing in (Framing(), Framing("fit"), Framing("crop", (10, 5, 60, 70))):
        fake.animator.driving_framing = framing
        assert np.array_equal(fake.animator.animate(Picture(fake.device, picture)), fake.animator.animate(picture))


def test_waits_for_work_that_fills_a_picture(fake: FakeGpu) -> None:
    with fake.device.current():
        stream = fake.device.stream()
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    expected = fake.animator.animate(GOLDEN.driving[1])
    keypoints = fake.animator.keypoints(GOLDEN.driving[1])
    for call in ("animate", "keypoints"):
        picture = Picture(fake.device, GOLDEN.driving[1], stream=int(stream.handle))
        picture.clear()
        with fake.device.current():
            fake.device.copy(picture.host, picture.rows, stream)
        if call == "animate":
            assert np.array_equal(fake.animator.animate(picture), expected)
        else:
            assert np.array_equal(fake.animator.keypoints(picture).value, keypoints.value)


def test_waits_for_work_that_still_reads_a_result(fake: FakeGpu) -> None:
    with fake.device.current():
        stream, read = fake.device.stream(), fake.device.pinned((64, 3 * 64), np.uint8)
    read[...] = 1
    out = Picture(fake.device, np.zeros((64, 64, 3), np.uint8), stream=int(stream.handle))
    fake.animator.set_source(GOLDEN.source)
    with fake.device.current():
        fake.device.copy(out.rows, read, stream)
    fake.animator.animate(GOLDEN.driving[1], out)
    assert not read.any(), "the read came before the write"
    assert out.values.any()


def test_the_dlpack_owner_makes_the_stream_wait(fake: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like PyTorch, whose interface does not name a stream."""

    class Both(Picture):
        def __dlpack__(self, *, stream: Any = None) -> Any:
            raise AssertionError("from_dlpack below asks for the interface")

    given: list[int] = []

    def from_dlpack(image: Picture, stream: int) -> tuple[object, Array]:
        given.append(stream)
        return None, view(image, "picture")

    monkeypatch.setattr(device_arrays, "_from_dlpack", from_dlpack)
    picture = Both(fake.device, GOLDEN.driving[1])
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    expected = fake.animator.animate(GOLDEN.driving[1])
    assert np.array_equal(fake.animator.animate(picture), expected)
    assert given == [int(fake.backend._frame_stream.stream.handle)]
    assert not fake.device.waits


class Exported:
    """The view that DLPack exports; its memory is the owner's again once it is gone."""


def test_an_exported_view_lives_until_the_work_is_done(fake: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    class OnlyDLPack:
        def __init__(self, array: Picture) -> None:
            self.array, self.shape = array, array.shape

        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

        def __dlpack__(self, *, stream: Any = None) -> Any:
            raise AssertionError("cuda.core asks for it, which is not here")

    views: list[weakref.ref[Exported]] = []

    def from_dlpack(image: OnlyDLPack, _stream: int) -> tuple[object, Array]:
        exported = Exported()
        views.append(weakref.ref(exported))
        return exported, view(image.array, "picture")

    synchronize, alive, interrupted = fake.device.synchronize, list[list[bool]](), list[bool]()

    def watched(stream: Any) -> None:
        if views and stand_in().waiting():
            alive.append([one() is not None for one in views])
        if interrupted:
            interrupted.clear()
            raise KeyboardInterrupt
        synchronize(stream)

    monkeypatch.setattr(device_arrays, "_from_dlpack", from_dlpack)
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    monkeypatch.setattr(fake.device, "synchronize", watched)
    frame, out = Picture(fake.device, GOLDEN.driving[1]), Picture(fake.device, GOLDEN.source)
    fake.animator.animate(OnlyDLPack(frame), OnlyDLPack(out))
    assert all(out for out, *_ in alive)
    assert next(frame for _, *found in alive for frame in found), "the first work after it came reads it"
    assert all(one() is None for one in views), "nothing keeps them afterwards"
    interrupted[:] = [True]
    with pytest.raises(KeyboardInterrupt):
        fake.animator.animate(OnlyDLPack(frame), OnlyDLPack(out))
    gc.collect()
    assert all(one() is not None for one in views[2:]), "the frame is still queued"
    fake.animator.animate(GOLDEN.driving[1])
    gc.collect()
    assert all(one() is None for one in views)


@pytest.mark.parametrize("place", ["frame", "out"])
@pytest.mark.parametrize("told_by", ["DLPack", "the driver"])
def test_arrays_of_another_gpu(fake: FakeGpu, second: CudaDevice, place: str, told_by: str) -> None:
    class Elsewhere(Picture):
        if told_by == "DLPack":

            def __dlpack_device__(self) -> tuple[int, int]:
                return 2, 1

            def __dlpack__(self, *, stream: Any = None) -> Any:
                raise AssertionError("its library is not asked for work on this stream")

    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    expected = fake.animator.animate(GOLDEN.driving[1])
    here, there = Picture(fake.device, GOLDEN.source), Elsewhere(second, GOLDEN.source)
    pictures = {"frame": here, "out": here, place: there}
    with pytest.raises(ImageError) as caught:
        fake.animator.animate(pictures["frame"], pictures["out"])
    assert str(caught.value) == (
        f"{place}: expected an array on GPU 0 ({fake.device.name}), which runs the model; got one on GPU 1. Copy it "
        "to GPU 0 first"
    )
    assert not stand_in().waiting(), "nothing was queued"
    assert np.array_equal(fake.animator.animate(GOLDEN.driving[1]), expected)


@pytest.mark.parametrize(
    ("shape", "dtype", "strides_", "words"),
    [
        ((64, 64, 4), np.uint8, None, r"expected an \(H, W, 3\) uint8 RGB array; got \(64, 64, 4\) uint8 on the GPU"),
        ((64, 64, 3), np.float32, None, "uint8 RGB array; got .* float32"),
        ((64, 64, 3), np.uint8, (3, 192, 1), "contiguous rows"),
        ((0, 64, 3), np.uint8, None, r"got \(0, 64, 3\)"),
    ],
)
def test_other_pictures_on_the_device(
    fake: FakeGpu, shape: tuple[int, ...], dtype: Any, strides_: Any, words: str
) -> None:
    fake.animator.set_source(GOLDEN.source)
    with fake.device.current():
        other, small = fake.device.allocate(shape, dtype, strides_), fake.device.allocate((32, 32, 3), np.uint8)
    with pytest.raises(ImageError, match=words):
        fake.animator.animate(other)
    with pytest.raises(ImageError, match="out: expected"):
        fake.animator.animate(GOLDEN.driving[0], small)


def test_pictures_on_a_gpu_need_its_backend(fake: FakeGpu, reference: Animator) -> None:
    reference.set_source(GOLDEN.source)
    with pytest.raises(ImageError, match="lies on a GPU, but onnxruntime-cpu takes arrays in host memory"):
        reference.animate(Picture(fake.device, GOLDEN.driving[0]))
    with pytest.raises(ImageError, match="out lies on a GPU, but onnxruntime-cpu takes arrays in host memory"):
        reference.animate(GOLDEN.driving[0], Picture(fake.device, GOLDEN.source))


def test_animate_all_refuses_pictures_on_the_device(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    with pytest.raises(ImageError, match="animate_all takes frames in host memory"):
        next(fake.animator.animate_all([Picture(fake.device, GOLDEN.driving[0])]))  # type: ignore[list-item]
