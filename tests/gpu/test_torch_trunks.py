"""Whole frames with trunks by PyTorch, and arrays of PyTorch, CuPy and DLPack in and out of them.

On the stand-in for the driver, PyTorch runs on the CPU, and its arrays are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import pytest

from fomm_rt import Animator
from fomm_rt.errors import ImageError
from fomm_rt.model.folder import ModelFolder
from gpu_rigs import frames_of, is_stand_in, source_of

pytestmark = pytest.mark.gpu

Needs = Callable[[str], Any]
DoWithout = Callable[[str], NoReturn]
LEVELS = 2
"""Between predictions of half precision in two places; each rounds to uint8."""


@pytest.fixture
def animator(
    request: pytest.FixtureRequest, needs: Needs, do_without: DoWithout, small: ModelFolder
) -> Iterator[Animator]:
    needs("torch")
    needs("onnx")
    from fomm_bench.kernel_path.torch_trunks import open_on_torch, torch_problem

    make: Any = None
    if is_stand_in():
        from fakes.torch_trunks import StandInTorchTrunks

        make = StandInTorchTrunks
    else:
        request.getfixturevalue("gpu")
        if problem := torch_problem():
            do_without(problem)
    with Animator(small.manifest, open_on_torch(small, batch=2, trunks=make)) as made:
        made.set_source(source_of(small))
        made.set_reference(frames_of(small)[0])
        yield made


def test_frames_agree_with_onnx_runtime(animator: Animator, small: ModelFolder, needs: Needs) -> None:
    needs("onnxruntime")
    with Animator.load(small.path, "onnxruntime-cpu") as exact:
        exact.set_source(source_of(small))
        exact.set_reference(frames_of(small)[0])
        frames = frames_of(small, 6)
        for _ in range(3):  # step by step, captured and replayed
            for frame in frames:
                error = np.square(animator.animate(frame).astype(float) - exact.animate(frame)).mean()
                assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 40
        assert "without a CUDA graph" not in animator.backend.reason
        single = [animator.animate(frame) for frame in frames]
        for found, wanted in zip(animator.animate_all(frames), single, strict=True):
            assert np.abs(found.astype(int) - wanted).max() <= LEVELS


@pytest.mark.parametrize("library", ["torch", "cupy", "dlpack"])
def test_arrays_in_and_out(animator: Animator, small: ModelFolder, needs: Needs, library: str) -> None:
    """Repeatedly, on a stream of the library's own, which is still filling the frame when it is given."""
    if is_stand_in():
        pytest.skip("PyTorch and CuPy find no GPU on the stand-in for the driver")
    for frame in frames_of(small, 6):
        expected = animator.animate(frame)
        found = {"torch": _by_torch, "cupy": _by_cupy, "dlpack": _by_dlpack}[library](animator, frame, needs)
        assert np.abs(found.astype(int) - expected).max() <= LEVELS


def _by_torch(animator: Animator, frame: Any, needs: Needs) -> Any:
    torch = needs("torch")
    with torch.cuda.stream(torch.cuda.Stream()):
        given = torch.zeros(frame.shape, dtype=torch.uint8, device="cuda")
        torch.cuda._sleep(5_000_000)
        given.copy_(torch.from_numpy(frame).pin_memory(), non_blocking=True)
        out = torch.empty(animator.size, animator.size, 3, dtype=torch.uint8, device="cuda")
        animator.animate(given, out)
        return out.cpu().numpy()


def _by_cupy(animator: Animator, frame: Any, needs: Needs) -> Any:
    cupy = needs("cupy")
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        given, out = cupy.asarray(frame), cupy.empty((animator.size, animator.size, 3), cupy.uint8)
        animator.animate(given, out)
        found = out.get(stream=stream)
    stream.synchronize()
    return found


class _OnlyDLPack:
    """A tensor that offers DLPack alone, as arrays of JAX do."""

    def __init__(self, tensor: Any) -> None:
        self._tensor, self.shape = tensor, tuple(tensor.shape)

    def __dlpack__(self, **options: Any) -> Any:
        return self._tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._tensor.__dlpack_device__()


def _by_dlpack(animator: Animator, frame: Any, needs: Needs) -> Any:
    torch = needs("torch")
    out = torch.empty(animator.size, animator.size, 3, dtype=torch.uint8, device="cuda")
    animator.animate(_OnlyDLPack(torch.from_numpy(frame).cuda()), _OnlyDLPack(out))
    return out.cpu().numpy()


def test_another_gpu(animator: Animator, small: ModelFolder, needs: Needs) -> None:
    torch = needs("torch")
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU")
    with pytest.raises(ImageError, match=r"on GPU 0 .* got one on GPU 1"):
        animator.animate(torch.from_numpy(frames_of(small)[0]).to("cuda:1"))
