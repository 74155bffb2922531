"""The GPU backend's frame streams, captured work and batches, on the stand-in for the driver, against ONNX Runtime."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from driver_stand_in.loaded import stand_in
from fakes.animator import FakeGpu
from fomm_kernels.arrays import Array, view
from fomm_rt import Animator, Framing
from fomm_rt.backends.gpu import device_arrays
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.backends.gpu.frame_stream import SHAPES_KEPT
from fomm_rt.backends.protocol import STAGES, PreparedReference
from fomm_rt.backends.tensorrt.engine_memory import HWC8, tensor_strides
from fomm_rt.errors import BackendError, ImageError, ModelError
from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.motion.transfer import ABSOLUTE
from golden_files import Golden
from gpu_rigs import get, put
from model_copies import edit_network

pytestmark = pytest.mark.stand_in

ILLEGAL_ADDRESS, UNSUPPORTED_IN_CAPTURE = 700, 900
"""Results of the driver."""
GOLDEN = Golden("small_aligned")
CHANNELS_LAST = dict.fromkeys(
    ("motion_hourglass_input", "mask_logits", "source_features", "masked_features", "prediction", "source_image"), HWC8
)
LEVELS = 1
"""Levels between the predictions of the kernels and of ONNX Runtime's float32 graphs."""


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


def frames(count: int = len(GOLDEN.driving)) -> list[Image]:
    """Returns distinct driving frames."""
    return [np.roll(GOLDEN.driving[i % len(GOLDEN.driving)], i // len(GOLDEN.driving), 1) for i in range(count)]


def close_to(found: NDArray[Any], wanted: NDArray[Any], levels: int = LEVELS) -> bool:
    return bool(np.abs(found.astype(int) - wanted).max() <= levels)


@pytest.mark.parametrize("formats", [None, CHANNELS_LAST], ids=["linear", "channels last"])
@pytest.mark.parametrize("relative", [True, False])
def test_equals_onnx_runtime(model: ModelFolder, reference: Animator, relative: bool, formats: Any) -> None:
    fake = FakeGpu(model, formats=formats)
    for animator in (fake.animator, reference):
        animator.relative = relative
        animator.set_source(GOLDEN.source)
    for frame in frames():
        assert close_to(fake.animator.animate(frame), reference.animate(frame))
        found, wanted = fake.animator.keypoints(frame), reference.keypoints(frame)
        assert np.abs(found.value - wanted.value).max() <= 1e-5
        assert close_to(fake.animator.animate(found), reference.animate(wanted))
    fake.close()
    assert fake.device.is_closed


@pytest.mark.parametrize("formats", [None, CHANNELS_LAST | {"decoded": HWC8}], ids=["linear", "channels last"])
def test_a_model_with_blend_mask(blending_model: ModelFolder, formats: Any) -> None:
    """Eager and replayed frames, batches, explanations, and sources that are switched."""
    fake = FakeGpu(blending_model, formats=formats)
    with Animator.load(blending_model.path, "onnxruntime-cpu") as reference:
        for picture in (GOLDEN.source, GOLDEN.driving[2], GOLDEN.source):
            for animator in (fake.animator, reference):
                animator.set_source(picture)
                animator.set_reference(GOLDEN.driving[0])
            expected = [reference.animate(frame) for frame in frames(5)]
            for frame, wanted in zip(frames(5), expected, strict=True):
                assert close_to(fake.animator.animate(frame), wanted)
            found = list(fake.animator.animate_all(frames(5)))
            assert all(close_to(one, wanted) for one, wanted in zip(found, expected, strict=True))
        explained, wanted_too = (animator.explain(GOLDEN.driving[2]) for animator in (fake.animator, reference))
    assert fake.device.replays
    assert explained.blend_mask is not None
    assert wanted_too.blend_mask is not None
    assert explained.blend_mask.shape == (64, 64)
    assert np.abs(explained.blend_mask - wanted_too.blend_mask).max() <= 2e-4
    assert np.abs(explained.deformation - wanted_too.deformation).max() <= 2e-4
    fake.close()


def test_keypoints_that_are_not_finite_are_refused(copied_model: Path) -> None:
    """Finite weights whose sums overflow."""

    def enlarge(network: onnx.ModelProto) -> None:
        for tensor in network.graph.initializer:
            if tensor.name.endswith("bias"):
                tensor.raw_data = np.full(tensor.dims, 3e38, np.float32).tobytes()

    edit_network(copied_model, "keypoint_detector", enlarge)
    fake = FakeGpu(open_model_folder(copied_model))
    with pytest.raises(ModelError, match="its keypoints are not finite numbers"):
        fake.animator.set_source(GOLDEN.source)
    fake.close()


def test_explain(fake: FakeGpu, reference: Animator) -> None:
    for animator in (fake.animator, reference):
        animator.set_source(GOLDEN.source)
        animator.set_reference(GOLDEN.driving[0])
    found, wanted = (animator.explain(GOLDEN.driving[2]) for animator in (fake.animator, reference))
    assert close_to(found.prediction, wanted.prediction)
    for name in ("deformation", "mask", "occlusion_map"):
        assert np.abs(getattr(found, name) - getattr(wanted, name)).max() <= 2e-4, name
    assert np.abs(found.kp_animated.value - wanted.kp_animated.value).max() <= 1e-5


def test_replay_equals_eager(model: ModelFolder, fake: FakeGpu) -> None:
    eager = FakeGpu(model, captures=False)
    for animator in (fake.animator, eager.animator):
        animator.set_source(GOLDEN.source)
        animator.set_reference(GOLDEN.driving[0])
    for _ in range(2):
        for frame in frames():
            assert np.array_equal(fake.animator.animate(frame), eager.animator.animate(frame))
    assert fake.device.captures == 1, "only the frame; the detector ran once for the reference"
    assert fake.device.replays == 2 * len(frames()) - 2, "captured with the second frame"
    assert not eager.device.captures
    assert "without a CUDA graph: asked for" in eager.animator.backend.reason
    eager.close()


def test_a_frame_allocates_nothing(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.animate(GOLDEN.driving[0])
    fake.animator.animate(GOLDEN.driving[1])
    before = fake.device.allocations
    for frame in frames(40):
        fake.animator.animate(frame)
    assert fake.device.allocations == before


def test_sources_are_switched_by_copies(model: ModelFolder, fake: FakeGpu) -> None:
    """A graph captured for one source serves all others, from the next frame on."""
    sources = [GOLDEN.source, GOLDEN.driving[2], GOLDEN.driving[1]]
    alone = []
    for source in sources:
        single = FakeGpu(model)
        single.animator.set_source(source)
        single.animator.set_reference(GOLDEN.driving[0])
        alone.append([single.animator.animate(frame) for frame in frames()])
        single.close()
    prepared = [fake.animator.prepare_source(source) for source in sources]
    fake.animator.set_reference(GOLDEN.driving[0])
    captures = fake.device.captures
    for index, frame in enumerate(frames()):
        for which, source in enumerate(prepared):
            fake.animator.set_source(source)
            assert np.array_equal(fake.animator.animate(frame), alone[which][index])
    assert fake.device.captures == captures + 1
    allocations = fake.device.allocations
    fake.animator.set_source(prepared[0])
    fake.animator.animate(GOLDEN.driving[0])
    assert fake.device.allocations == allocations


def test_a_source_may_be_freed_while_it_is_shown(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    expected = fake.animator.animate(GOLDEN.driving[1])
    for _ in range(3):
        fake.animator.set_source(GOLDEN.driving[2])
        fake.animator.animate(GOLDEN.driving[1])
        fake.animator.set_source(GOLDEN.source)
        assert np.array_equal(fake.animator.animate(GOLDEN.driving[1]), expected)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 12, 13])
def test_batches_equal_single_frames(fake: FakeGpu, count: int) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    wanted = [fake.animator.animate(frame) for frame in frames(count)]
    found = list(fake.animator.animate_all(frames(count)))
    assert len(found) == count
    assert all(close_to(a, b, 1) for a, b in zip(found, wanted, strict=True))
    assert len({id(picture) for picture in found}) == count


def test_batches_use_the_first_frame_as_reference(fake: FakeGpu, reference: Animator) -> None:
    for animator in (fake.animator, reference):
        animator.set_source(GOLDEN.source)
    pictures = frames(5)
    for found, wanted in zip(
        fake.animator.animate_all(iter(pictures)), reference.animate_all(iter(pictures)), strict=True
    ):
        assert close_to(found, wanted)


def test_batches_of_changing_frames(fake: FakeGpu) -> None:
    """A change of size ends a batch; order and number of frames do not change."""
    shapes = [(64, 64), (64, 64), (90, 80), (64, 64), (50, 50), (50, 50), (50, 50), (50, 50)]
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (*shape, 3), np.uint8) for shape in shapes]
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    wanted = [fake.animator.animate(picture) for picture in pictures]
    found = list(fake.animator.animate_all(pictures))
    assert len(found) == len(shapes)
    assert all(close_to(a, b) for a, b in zip(found, wanted, strict=True))


def test_batches_read_a_bounded_number_of_frames_ahead(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    asked = 0

    def counted() -> Iterator[Image]:
        nonlocal asked
        for frame in frames(30):
            asked += 1
            yield frame

    results = fake.animator.animate_all(counted())
    next(results)
    assert 6 < asked <= 10, "two frame streams of three, the next batch, and one frame that ends it"
    results.close()
    assert not stand_in().waiting()
    (only,) = fake.animator.animate_all(frames(1))
    assert close_to(only, fake.animator.animate(frames(1)[0]))


def test_frames_that_fail_in_a_batch(fake: FakeGpu) -> None:
    def broken() -> Iterator[Image]:
        yield from frames(8)
        raise ValueError("the decoder fails")

    fake.animator.set_source(GOLDEN.source)
    with pytest.raises(ValueError, match="the decoder fails"):
        list(fake.animator.animate_all(broken()))
    assert len(list(fake.animator.animate_all(frames(4)))) == 4


def test_a_refused_capture_falls_back_to_eager(model: ModelFolder, caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeGpu(model)
    stand_in().fail("cuStreamBeginCapture", UNSUPPORTED_IN_CAPTURE)
    fake.animator.set_source(GOLDEN.source)
    with caplog.at_level(logging.WARNING, "fomm_rt"):
        results = [fake.animator.animate(frame) for frame in frames()]
    assert len(caplog.records) == 1, "logged once"
    assert "step by step" in caplog.text
    assert "operation not permitted when stream is capturing" in fake.animator.backend.reason
    eager = FakeGpu(model, captures=False)
    eager.animator.set_source(GOLDEN.source)
    for frame, found in zip(frames(), results, strict=True):
        assert np.array_equal(eager.animator.animate(frame), found)
    for one in (fake, eager):
        one.close()


def test_a_failed_frame_leaves_the_animator_usable(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    expected = [fake.animator.animate(frame) for frame in frames()]
    stand_in().fail("cuStreamSynchronize", ILLEGAL_ADDRESS)
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        fake.animator.animate(GOLDEN.driving[0])
    for frame, wanted in zip(frames(), expected, strict=True):
        assert np.array_equal(fake.animator.animate(frame), wanted)


def test_a_failed_batch_leaves_the_animator_usable(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    expected = list(fake.animator.animate_all(frames(9)))
    stand_in().fail("cuStreamSynchronize", ILLEGAL_ADDRESS)
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        list(fake.animator.animate_all(frames(9)))
    for found, wanted in zip(fake.animator.animate_all(frames(9)), expected, strict=True):
        assert np.array_equal(found, wanted)


def test_closing_frees_everything_at_once(model: ModelFolder) -> None:
    """Not at a garbage collection, which could come while another frame stream captures."""
    fake = FakeGpu(model)
    fake.animator.set_source(GOLDEN.source)
    list(fake.animator.animate_all(frames(7)))
    frame_streams = [
        weakref.ref(frame_stream) for frame_stream in (fake.backend._frame_stream, *fake.backend._batch_streams)
    ]
    assert len(frame_streams) == 3
    gc.disable()
    try:
        fake.close()
        assert all(frame_stream() is None for frame_stream in frame_streams)
    finally:
        gc.enable()


def test_a_broken_device_is_closed(model: ModelFolder) -> None:
    fake = FakeGpu(model)
    fake.animator.set_source(GOLDEN.source)
    predictions = fake.animator.animate_all(frames(7))
    next(predictions)
    stand_in().break_devices()
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        fake.animator.close()
    assert fake.device.is_closed
    assert not fake.backend._batch_streams
    predictions.close()


def test_closed_while_predictions_are_fetched(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    predictions = fake.animator.animate_all(frames(7))
    next(predictions)
    fake.close()
    predictions.close()


def test_an_interrupted_source_leaves_nothing_queued(fake: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.animator.set_source(GOLDEN.source)
    expected = fake.animator.animate(GOLDEN.driving[1])

    def interrupt(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake.trunks, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fake.animator.prepare_source(GOLDEN.driving[2])
    assert not stand_in().waiting()
    monkeypatch.undo()
    assert np.array_equal(fake.animator.animate(GOLDEN.driving[1]), expected)


class Picture:
    """A picture on the device, in rows that may be padded, of a library that may name its stream."""

    def __init__(self, device: CudaDevice, picture: Image, row_padding: int = 0, stream: Any = None) -> None:
        h, w, _ = picture.shape
        self.device, self.shape = device, picture.shape
        with self.device.current():
            self.host = self.device.pinned((h, 3 * w + row_padding), np.uint8)
        self.host[:, : 3 * w] = picture.reshape(h, 3 * w)
        self.rows = put(self.device, self.host)
        self.__cuda_array_interface__ = {
            **self.rows.__cuda_array_interface__,
            "shape": picture.shape,
            "strides": (3 * w + row_padding, 3, 1),
            "stream": stream,
        }

    @property
    def values(self) -> Image:
        h, w, _ = self.shape
        rows: Image = get(self.device, self.rows)[:, : 3 * w]
        return rows.reshape(h, w, 3)

    def clear(self) -> None:
        with self.device.current():
            stream, zeros = self.device.stream(), self.device.allocate(self.host.shape, np.uint8)
            self.device.copy(zeros, self.rows, stream)
            self.device.synchronize(stream)


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


def test_buffers_of_a_few_shapes_are_kept(fake: FakeGpu) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (50 + i, 50 + i, 3), np.uint8) for i in range(SHAPES_KEPT + 2)]
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    first = [[fake.animator.animate(picture) for _ in range(2)] for picture in pictures]
    assert fake.device.captures == len(pictures)
    for picture, (expected, again) in zip(reversed(pictures), reversed(first), strict=True):
        assert np.array_equal(again, expected)
        assert np.array_equal(fake.animator.animate(picture), expected)
    assert fake.device.captures == len(pictures), "shapes that were dropped are captured again"
    assert fake.device.replays == SHAPES_KEPT


def events() -> int:
    """Number of events that exist."""
    return sum(left.kind == "event" for left in stand_in().leftovers())


def test_shapes_that_come_once_are_not_captured(fake: FakeGpu) -> None:
    """For example, frames of a crop that zooms."""
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    for side in range(50, 50 + 3 * SHAPES_KEPT):
        fake.animator.animate_timed(np.zeros((side, side, 3), np.uint8))
    assert fake.device.captures == 0
    assert 0 < events() <= (SHAPES_KEPT + 1) * (len(STAGES) + 1)


def test_stages_are_timed_when_asked(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    plain = fake.animator.animate(GOLDEN.driving[1])
    assert not events()
    for _ in range(3):
        frame = fake.animator.animate_timed(GOLDEN.driving[1])
        assert np.array_equal(frame.prediction, plain)
        assert set(frame.stage_ms) == set(STAGES)
        assert all(ms >= 0 for ms in frame.stage_ms.values())
    by_keypoints = fake.animator.animate_timed(fake.animator.keypoints(GOLDEN.driving[1]))
    assert set(by_keypoints.stage_ms) == set(STAGES) - {"detector"}
    count = events()
    fake.animator.animate(GOLDEN.driving[1])
    assert events() == count, "untimed frames record no events"
    _, stage_ms = fake.backend.animate(*reference_and_frame(fake))
    assert not stage_ms


def test_keypoints_come_with_the_frame(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    for frame in (GOLDEN.driving[0], GOLDEN.driving[1], GOLDEN.driving[2]):
        found = fake.animator.keypoints(frame)
        replays = fake.device.replays
        tracked = fake.animator.animate_tracked(frame)
        assert fake.device.replays <= replays + 1, "a frame stays one graph"
        assert np.array_equal(tracked.kp_driving.value, found.value)
        assert tracked.kp_driving.jacobian is not None
        assert found.jacobian is not None
        assert np.array_equal(tracked.kp_driving.jacobian, found.jacobian)
        assert np.array_equal(tracked.prediction, fake.animator.animate(frame))


def reference_and_frame(fake: FakeGpu) -> tuple[PreparedReference, Image, Region, Image]:
    """Arguments of `Backend.animate` for a driving frame."""
    square, out = Region.square(fake.animator.size), np.zeros_like(GOLDEN.source)
    reference = fake.backend.prepare_reference(fake.backend.prepare_source(GOLDEN.source, square), ABSOLUTE)
    return reference, GOLDEN.driving[1], square, out


def test_several_animators_in_threads(model: ModelFolder) -> None:
    wanted = FakeGpu(model)
    wanted.animator.set_source(GOLDEN.source)
    expected = [wanted.animator.animate(frame) for frame in frames()]
    wanted.close()
    found: dict[int, list[Image]] = {}

    def animate(number: int) -> None:
        fake = FakeGpu(model)
        fake.animator.set_source(GOLDEN.source)
        found[number] = [fake.animator.animate(frame) for frame in frames()]
        fake.close()

    threads = [threading.Thread(target=animate, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        assert all(np.array_equal(a, b) for a, b in zip(found[number], expected, strict=True))


def test_half_storage(model: ModelFolder, reference: Animator) -> None:
    fake = FakeGpu(model, np.float16, formats=CHANNELS_LAST)
    for animator in (fake.animator, reference):
        animator.set_source(GOLDEN.source)
    for frame in frames():
        error = fake.animator.animate(frame).astype(float) - reference.animate(frame)
        assert 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-9)) >= 40
    fake.close()


@pytest.mark.parametrize(("channels", "padded"), [(3, 8), (8, 8), (11, 16), (44, 48)])
def test_padded_channels(channels: int, padded: int) -> None:
    assert tensor_strides(HWC8, (2, channels, 4, 5)) == (20 * padded, 1, 5 * padded, padded)


def test_other_formats_are_refused() -> None:
    with pytest.raises(BackendError, match=r"in the format linear, hwc8, .*; got chw32"):
        tensor_strides("chw32", (1, 3, 4, 5))
