"""Frames through TensorRT engines.

Without a GPU, the tests run on the stand-in for its driver, where ONNX Runtime computes the convolutions.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_rt import Animator
from fomm_rt.backends.protocol import STAGES
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import ImageError
from fomm_rt.image import Image
from fomm_rt.model.folder import ModelFolder
from gpu_rigs import MOST, OnGpu, Rig, frames_of, get, put, source_of

pytestmark = pytest.mark.gpu

PIXELS = {"fp16": 0.05, "fp32": 0.013}
"""Tolerance of a keypoint, as in the parity check of a build."""
DECIBELS = {"fp16": 40.0, "fp32": 48.0}
"""Least PSNR of a prediction; 48 dB is an error of one level everywhere."""
BATCH_LEVELS = 2
"""Levels between a frame in a batch and alone: an engine may sum in another order."""


@pytest.fixture
def animator(rig: Rig, small: ModelFolder) -> Iterator[Animator]:
    """A half-precision animator with a source and a reference."""
    with rig.animator(small) as opened:
        yield ready(opened, small)


def ready(animator: Animator, model: ModelFolder) -> Animator:
    animator.set_source(source_of(model))
    animator.set_reference(frames_of(model)[0])
    return animator


def animated(animator: Animator, model: ModelFolder, count: int = 3) -> list[Image]:
    return [animator.animate(frame) for frame in frames_of(model, count)]


def decibels(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    error = np.square(found.astype(float) - wanted).mean()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


class TestAgainstOnnxRuntime:
    """The predictions of the engines."""

    @pytest.mark.parametrize("relative", [True, False])
    @pytest.mark.parametrize("precision", ["fp16", "fp32"])
    @pytest.mark.parametrize("which", ["small", "bundled"])
    def test_frames(
        self,
        rig: Rig,
        request: pytest.FixtureRequest,
        needs: Callable[[str], Any],
        which: str,
        precision: str,
        relative: bool,
    ) -> None:
        needs("onnxruntime")
        model = open_bundled_model() if which == "bundled" else request.getfixturevalue("small")
        with rig.animator(model, precision) as animator, Animator.load(model.path, "onnxruntime-cpu") as exact:
            for one in (animator, exact):
                one.relative = relative
                ready(one, model)
            assert near(animator.kp_source.value, exact.kp_source.value, model, precision)
            for frame in frames_of(model):
                found, wanted = animator.keypoints(frame), exact.keypoints(frame)
                assert near(found.value, wanted.value, model, precision)
                assert decibels(animator.animate(frame), exact.animate(frame)) >= DECIBELS[precision]
                assert decibels(animator.animate(found), exact.animate(wanted)) >= DECIBELS[precision]

    @pytest.mark.parametrize("precision", ["fp16", "fp32"])
    def test_a_model_with_blend_mask(
        self, rig: Rig, request: pytest.FixtureRequest, needs: Callable[[str], Any], precision: str
    ) -> None:
        """Its small model is exported, which needs torch."""
        needs("onnxruntime")
        needs("torch")
        model: ModelFolder = request.getfixturevalue("blending_model")
        with rig.animator(model, precision) as animator, Animator.load(model.path, "onnxruntime-cpu") as exact:
            for one in (animator, exact):
                ready(one, model)
            for frame in frames_of(model):
                assert decibels(animator.animate(frame), exact.animate(frame)) >= DECIBELS[precision]
            masks = [one.explain(frames_of(model)[2]).blend_mask for one in (animator, exact)]
        assert masks[0] is not None
        assert masks[1] is not None
        assert np.abs(masks[0] - masks[1]).max() <= (0.05 if precision == "fp16" else 1e-3)

    def test_explain(self, rig: Rig, small: ModelFolder, needs: Callable[[str], Any]) -> None:
        needs("onnxruntime")
        frame = frames_of(small)[2]
        with rig.animator(small, "fp32") as animator, Animator.load(small.path, "onnxruntime-cpu") as exact:
            found, wanted = (ready(one, small).explain(frame) for one in (animator, exact))
        assert decibels(found.prediction, wanted.prediction) >= DECIBELS["fp32"]
        for name in ("deformation", "mask", "occlusion_map"):
            assert np.abs(getattr(found, name) - getattr(wanted, name)).max() <= 1e-3, name


def near(found: NDArray[Any], wanted: NDArray[Any], model: ModelFolder, precision: str) -> bool:
    """Keypoints (K, 2) in [-1, 1]."""
    pixels = np.linalg.norm(found.astype(float) - wanted, axis=1) * (model.manifest.size - 1) / 2
    return bool(pixels.max() <= PIXELS[precision])


class TestReplay:
    """A frame is replayed as one graph."""

    def test_the_same_bytes_as_step_by_step(self, rig: Rig, small: ModelFolder, animator: Animator) -> None:
        assert "without a CUDA graph" not in animator.backend.reason
        with rig.animator(small, captures=False) as eager:
            assert "without a CUDA graph: asked for" in ready(eager, small).backend.reason
            for _ in range(3):
                for frame in frames_of(small):
                    assert np.array_equal(animator.animate(frame), eager.animate(frame))
                    keypoints = animator.keypoints(frame)
                    assert np.array_equal(keypoints.value, eager.keypoints(frame).value)
                    assert np.array_equal(animator.animate(keypoints), eager.animate(keypoints))
        assert "without a CUDA graph" not in animator.backend.reason, "all of it could be captured"

    def test_many_frames_take_no_memory(self, rig: Rig, small: ModelFolder, animator: Animator) -> None:
        expected = animated(animator, small)
        animated(animator, small)
        before = rig.memory()
        frames, out = frames_of(small), np.empty_like(expected[0])
        for number in range(rig.many):
            animator.animate(frames[number % len(frames)], out)
        assert rig.memory() - before <= rig.slack()
        assert np.array_equal(out, expected[(rig.many - 1) % len(frames)])

    def test_many_batches_take_no_memory(self, rig: Rig, small: ModelFolder, animator: Animator) -> None:
        frames = frames_of(small, 4 * MOST)
        expected = list(animator.animate_all(frames))
        list(animator.animate_all(frames))
        before = rig.memory()
        for _ in range(-(-rig.many // len(frames))):
            for found, wanted in zip(animator.animate_all(frames), expected, strict=True):
                assert np.array_equal(found, wanted)
        assert rig.memory() - before <= rig.slack()

    def test_closed_animators_leave_no_memory(self, rig: Rig, small: ModelFolder) -> None:
        taken = []
        for _ in range(6):
            with rig.animator(small) as opened:
                animated(ready(opened, small), small)
                list(opened.animate_all(frames_of(small)))
            del opened
            taken.append(rig.memory())
        assert taken[-1] - taken[1] <= 2 * rig.slack()

    def test_stages_are_timed_when_asked(self, small: ModelFolder, animator: Animator) -> None:
        expected = animated(animator, small)
        for _ in range(3):
            for frame, wanted in zip(frames_of(small), expected, strict=True):
                found = animator.animate_timed(frame)
                assert np.array_equal(found.prediction, wanted)
                assert set(found.stage_ms) == set(STAGES)
                assert all(ms >= 0 for ms in found.stage_ms.values())
        assert np.array_equal(animator.animate(frames_of(small)[0]), expected[0])


class TestAvatars:
    def test_switched_from_one_frame_to_the_next(self, rig: Rig, small: ModelFolder, animator: Animator) -> None:
        pictures = [source_of(small), *frames_of(small)[1:]]
        alone = []
        for picture in pictures:
            animator.set_source(picture)
            alone.append(animated(animator, small))
        sources = [animator.prepare_source(picture) for picture in pictures]
        for source in sources:
            animator.set_source(source)
            animated(animator, small)
        before = rig.memory()
        for index, frame in enumerate(frames_of(small)):
            for which, source in enumerate(sources):
                animator.set_source(source)
                assert np.array_equal(animator.animate(frame), alone[which][index])
        assert rig.memory() - before <= rig.slack()

    def test_one_may_go_while_another_is_shown(self, small: ModelFolder, animator: Animator) -> None:
        """Its memory is reused, so no queued work may still read it."""
        frame = frames_of(small)[1]
        expected = animator.animate(frame)
        for _ in range(20):
            animator.set_source(frames_of(small)[2])
            animator.animate(frame)
            animator.set_source(source_of(small))
            assert np.array_equal(animator.animate(frame), expected)


@pytest.mark.parametrize("count", [0, 1, MOST, 2 * MOST + 1, 5 * MOST + 3])
def test_batched_as_one_by_one(small: ModelFolder, animator: Animator, count: int) -> None:
    frames = frames_of(small, count)
    wanted = [animator.animate(frame) for frame in frames]
    found = list(animator.animate_all(frames))
    assert len(found) == count
    for a, b in zip(found, wanted, strict=True):
        assert np.abs(a.astype(int) - b).max() <= BATCH_LEVELS


class TestSeveral:
    """Animators share only a device."""

    def test_in_turns(self, rig: Rig, small: ModelFolder, animator: Animator) -> None:
        expected = animated(animator, small)
        with rig.animator(small) as second, rig.animator(small) as third:
            ready(second, small)
            third.set_source(frames_of(small)[2])
            for _ in range(3):
                for frame, wanted in zip(frames_of(small), expected, strict=True):
                    assert np.array_equal(animator.animate(frame), wanted)
                    third.animate(frame)
                    assert np.array_equal(second.animate(frame), wanted)
        assert all(map(np.array_equal, animated(animator, small), expected)), "the others are closed"

    def test_in_threads(self, rig: Rig, small: ModelFolder, animator: Animator) -> None:
        """Each is opened, captured and closed while others run."""
        expected, found = animated(animator, small), {}

        def work(number: int) -> None:
            rounds = []
            for _ in range(2):
                with rig.animator(small) as opened:
                    ready(opened, small)
                    rounds += [animated(opened, small) for _ in range(3)]
            found[number] = rounds

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == list(range(4))
        for rounds in found.values():
            for pictures in rounds:
                assert all(map(np.array_equal, pictures, expected))

    def test_in_another_thread_than_it_was_opened_in(self, small: ModelFolder, animator: Animator) -> None:
        found: list[Image] = []
        thread = threading.Thread(target=lambda: found.extend(animated(animator, small)))
        thread.start()
        thread.join()
        assert all(map(np.array_equal, found, animated(animator, small)))


class Plain:
    """Memory of the device that offers only `__cuda_array_interface__`."""

    def __init__(self, rig: Rig) -> None:
        self._device = rig.device

    def put(self, picture: Image) -> Any:
        return put(self._device, picture)

    def get(self, array: Any) -> NDArray[Any]:
        return get(self._device, array)


class Torch:
    """Tensors of PyTorch."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def put(self, picture: Image) -> Any:
        return self._torch.from_numpy(picture).cuda()

    def get(self, array: Any) -> NDArray[Any]:
        found: NDArray[Any] = array.cpu().numpy()
        return found


class TorchByDlpack(Torch):
    """Tensors of PyTorch without `__cuda_array_interface__`."""

    class Array:
        def __init__(self, tensor: Any) -> None:
            self.tensor = tensor

        def __dlpack__(self, *, stream: Any = None, **options: Any) -> Any:
            return self.tensor.__dlpack__(stream=stream, **options)

        def __dlpack_device__(self) -> Any:
            return self.tensor.__dlpack_device__()

    def put(self, picture: Image) -> Any:
        return self.Array(super().put(picture))

    def get(self, array: Any) -> NDArray[Any]:
        return super().get(array.tensor)


class Cupy:
    """Arrays of CuPy."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def put(self, picture: Image) -> Any:
        return self._cupy.asarray(picture)

    def get(self, array: Any) -> NDArray[Any]:
        found: NDArray[Any] = array.get()
        return found


class TestArraysOnTheDevice:
    """Frames and results that stay on the GPU."""

    @pytest.fixture(params=["plain", "torch", "torch by DLPack", "cupy"])
    def arrays(self, request: pytest.FixtureRequest, rig: Rig, needs: Callable[[str], Any]) -> Any:
        if request.param == "plain":
            return Plain(rig)
        if not isinstance(rig, OnGpu):
            pytest.skip("other libraries need a GPU")
        if request.param == "cupy":
            return Cupy(needs("cupy"))
        torch = needs("torch")
        return Torch(torch) if request.param == "torch" else TorchByDlpack(torch)

    def test_in_and_out(self, rig: Rig, small: ModelFolder, animator: Animator, arrays: Any) -> None:
        frames = frames_of(small)
        for frame in frames:
            expected = animator.animate(frame)
            given, out = arrays.put(frame), arrays.put(np.zeros_like(expected))
            assert np.array_equal(animator.animate(given), expected)
            assert animator.animate(given, out) is out
            assert np.array_equal(arrays.get(out), expected)
            assert np.array_equal(animator.keypoints(given).value, animator.keypoints(frame).value)
        given, out = arrays.put(frames[0]), arrays.put(np.zeros_like(frames[0]))
        animator.animate(given, out)
        before = rig.memory()
        for _ in range(rig.many // 4):
            animator.animate(given, out)
        assert rig.memory() - before <= rig.slack()

    def test_from_another_thread(self, small: ModelFolder, animator: Animator, arrays: Any) -> None:
        frame = frames_of(small)[1]
        expected, given = animator.animate(frame), arrays.put(frame)
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(animator.animate(given)))
        thread.start()
        thread.join()
        assert np.array_equal(found[0], expected)

    def test_others_are_refused(self, small: ModelFolder, animator: Animator, arrays: Any) -> None:
        floats = arrays.put(np.zeros((64, 64, 3), np.float32))
        with pytest.raises(ImageError, match="float32 on the GPU"):
            animator.animate(floats)
        with pytest.raises(ImageError, match="out: expected"):
            animator.animate(frames_of(small)[0], arrays.put(np.zeros((32, 32, 3), np.uint8)))
        animator.animate(frames_of(small)[0])

    def test_what_torch_still_computes_is_waited_for(
        self, rig: Rig, small: ModelFolder, animator: Animator, needs: Callable[[str], Any]
    ) -> None:
        """PyTorch writes the frame after much other work on its stream, and reads the result immediately."""
        if not isinstance(rig, OnGpu):
            pytest.skip("other libraries need a GPU")
        torch = needs("torch")
        large, frames = torch.ones(4096, 4096, device="cuda"), frames_of(small)
        given, out = (torch.zeros(64, 64, 3, dtype=torch.uint8, device="cuda") for _ in range(2))
        for frame in frames:
            expected, ready_frame = animator.animate(frame), torch.from_numpy(frame).cuda()
            given.zero_()
            torch.cuda.synchronize()
            for _ in range(20):
                large = (large @ large).clamp(0, 1)
            given.copy_(ready_frame)
            animator.animate(given, out)
            assert np.array_equal((out + 0).cpu().numpy(), expected)


class Cancelled(BaseException):
    """Like KeyboardInterrupt, but raised only by these tests."""


def cancelled_after(delay_s: float, work: Callable[[], object]) -> None:
    """Repeats an action until an alarm interrupts it at any point."""

    def cancel(_signal: int, _frame: FrameType | None) -> None:
        raise Cancelled

    before = signal.signal(signal.SIGALRM, cancel)
    try:
        # Once more after a second, should the first one be lost where Python ignores exceptions.
        signal.setitimer(signal.ITIMER_REAL, delay_s, 1.0)
        while True:
            work()
    except Cancelled:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.may_leave  # a signal between an allocation and the assignment of its owner
class TestCancellation:
    """After any interruption, the animator continues as if nothing had happened."""

    @pytest.mark.parametrize("delay_ms", [0.3, 1, 3, 10, 30])
    def test_a_frame(self, small: ModelFolder, animator: Animator, delay_ms: float) -> None:
        expected, frames = animated(animator, small), frames_of(small)
        sources = [animator.prepare_source(picture) for picture in (source_of(small), frames[2])]

        def work() -> None:
            for source in sources:
                animator.set_source(source)
                for frame in frames:
                    animator.animate(frame)

        for number in range(5):
            cancelled_after((1 + number / 7) * delay_ms / 1e3, work)
            animator.set_source(sources[0])
            assert all(map(np.array_equal, animated(animator, small), expected))

    @pytest.mark.parametrize("delay_ms", [1, 10, 50])
    def test_first_frames(self, rig: Rig, small: ModelFolder, delay_ms: float) -> None:
        """During a capture."""
        with rig.animator(small) as whole:
            expected = animated(ready(whole, small), small)
        with rig.animator(small) as animator:
            sizes = iter(range(65, 1000))

            def work() -> None:
                frame = np.zeros((size := next(sizes), size, 3), np.uint8)
                for _ in range(2):  # captured when it comes again
                    animator.animate(frame)

            ready(animator, small)
            for _ in range(3):
                cancelled_after(delay_ms / 1e3, work)
                assert all(map(np.array_equal, animated(animator, small), expected))

    def test_batches(self, small: ModelFolder, animator: Animator) -> None:
        frames = frames_of(small, 5 * MOST)
        expected = list(animator.animate_all(frames))
        for count in (1, MOST, 2 * MOST + 1):
            results = animator.animate_all(frames)
            for _ in range(count):
                next(results)
            results.close()
            assert all(map(np.array_equal, animator.animate_all(frames), expected))
        cancelled_after(0.02, lambda: list(animator.animate_all(frames)))
        assert all(map(np.array_equal, animator.animate_all(frames), expected))

    def test_frames_that_fail(self, small: ModelFolder, animator: Animator) -> None:
        frames = frames_of(small, 3 * MOST)
        expected = list(animator.animate_all(frames))

        def broken() -> Iterator[Image]:
            yield from frames[: 2 * MOST]
            raise ValueError("the decoder fails")

        with pytest.raises(ValueError, match="the decoder fails"):
            list(animator.animate_all(broken()))
        assert all(map(np.array_equal, animator.animate_all(frames), expected))


BROKEN = """
import os, sys
from contextlib import suppress
from pathlib import Path

tests, flavour, store, model = sys.argv[1:]
sys.path.insert(0, tests)
import numpy as np

from fomm_kernels import Array, KernelError, grid_sample
from fomm_rt import Animator
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError
from fomm_rt.model.folder import open_model_folder
from gpu_rigs import OnGpu, frames_of, source_of

rig, model = OnGpu(flavour, EngineStore(Path(store))), open_model_folder(model)
animator = rig.animator(model)
animator.set_source(source_of(model))
animator.animate(frames_of(model)[0])
nowhere = [Array(4096, shape, np.float32) for shape in ((1, 8, 64, 64), (1, 64, 64, 2), (1, 8, 64, 64))]
with suppress(KernelError, BackendError):
    with rig.device.current():
        grid_sample(rig.device.executor, *nowhere, align_corners=True)
for _ in range(2):
    try:
        animator.animate(frames_of(model)[1])
    except BackendError as error:
        print("refused:", error)
    else:
        sys.exit("a frame came about on a broken device")
with suppress(BackendError):
    animator.close()
try:
    other = rig.animator(model)
except BackendError as error:
    print("refused:", error)
try:
    from fomm_rt.machine.onnx_runtime import onnxruntime
except ImportError:
    print("went on")
else:
    with Animator.load(model.path, "onnxruntime-cpu") as other:
        other.set_source(source_of(model))
        other.animate(frames_of(model)[0])
        print("went on")
sys.stdout.flush()
os._exit(0)  # what TensorRT does at an ordinary exit, on a device that is broken, is its own affair
"""
"""A kernel writes to an invalid address, after which CUDA refuses all further calls in the process."""


def test_a_broken_device_leaves_the_process_usable(rig: Rig, small: ModelFolder) -> None:
    if not isinstance(rig, OnGpu):
        pytest.skip("TensorRT needs a GPU")
    rig.animator(small).close()  # the engines are there
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", BROKEN, str(tests), rig.flavour, str(rig.store.folder), str(small.path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    *refusals, last = ended.stdout.splitlines()
    assert last == "went on", ended.stdout
    assert len(refusals) >= 2
    assert all(line.startswith("refused: ") for line in refusals), ended.stdout
