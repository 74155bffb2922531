"""Kernels beside PyTorch and CuPy in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest

from fomm_kernels import grid_sample
from gpu_memory import Gpu, assert_twins
from kernel_memory import random

pytestmark = pytest.mark.gpu

SHAPE = (2, 16, 32, 32)
FLOAT, HALF = 1e-4, 1e-3
"""As in test_kernels_on_gpu.py; for halves, PyTorch's result is computed in float32."""


@pytest.fixture
def torch(gpu: Gpu, do_without: Callable[[str], NoReturn]) -> Any:
    del gpu
    import torch

    if not torch.cuda.is_available():
        do_without("this PyTorch is built without CUDA, or does not find the GPU")
    return torch


def tensors(torch: Any, dtype: Any, channels_last: bool) -> tuple[Any, Any, Any]:
    """A source, a grid and an output."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    source = torch.from_numpy(random(*SHAPE)).to("cuda:0", dtype).contiguous(memory_format=layout)
    grid = torch.from_numpy(1.3 * random(2, 24, 40, 2, seed=1)).to("cuda:0", torch.float32)
    out = torch.full((2, 16, 24, 40), float("nan"), dtype=dtype, device="cuda:0").contiguous(memory_format=layout)
    return source, grid, out


def numbers(tensor: Any) -> Any:
    """Returns it as a NumPy array of float32."""
    return tensor.float().cpu().numpy()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_torch_tensors(gpu: Gpu, torch: Any, half: bool, channels_last: bool, align_corners: bool) -> None:
    source, grid, out = tensors(torch, torch.float16 if half else torch.float32, channels_last)
    expected = torch.nn.functional.grid_sample(source.float(), grid, align_corners=align_corners)
    stream = torch.cuda.current_stream().cuda_stream
    grid_sample(gpu.kernels, source, grid, out, align_corners=align_corners, stream=stream)
    assert_twins(numbers(out), numbers(expected), HALF if half else FLOAT)


def test_torch_graph(gpu: Gpu, torch: Any) -> None:
    """Captures a kernel among PyTorch's own work, on its stream, in its strictest mode."""
    source, grid, out = tensors(torch, torch.float16, channels_last=True)

    def work() -> Any:
        stream = torch.cuda.current_stream().cuda_stream
        grid_sample(gpu.kernels, 2 * source, grid, out, align_corners=True, stream=stream)
        return 3 * out

    work()  # PyTorch loads its kernels
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        tripled = work()
    source.copy_(torch.from_numpy(random(*SHAPE, seed=5)))
    graph.replay()
    expected = 6 * torch.nn.functional.grid_sample(source.float(), grid, align_corners=True)
    assert_twins(numbers(tripled), numbers(expected), 3 * HALF)


def test_torch_streams(gpu: Gpu, torch: Any) -> None:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        source, grid, out = tensors(torch, torch.float32, channels_last=False)
        grid_sample(gpu.kernels, source, grid, out, align_corners=True, stream=stream.cuda_stream)
        expected = torch.nn.functional.grid_sample(source, grid, align_corners=True)
    stream.synchronize()
    assert_twins(numbers(out), numbers(expected), FLOAT)


def test_cupy_arrays(gpu: Gpu) -> None:
    cupy = pytest.importorskip("cupy")
    source, grid = random(*SHAPE).astype(np.float32), random(2, 24, 40, 2, seed=1).astype(np.float32)
    expected = np.empty((2, 16, 24, 40), np.float32)
    grid_sample(gpu.host, source, grid, expected, align_corners=True)
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        arrays = cupy.asarray(source), cupy.asarray(grid), cupy.full(expected.shape, np.nan, np.float32)
        grid_sample(gpu.kernels, *arrays, align_corners=True, stream=stream.ptr)
        found = arrays[2].get(stream=stream)
    stream.synchronize()
    assert_twins(found, expected, FLOAT)
