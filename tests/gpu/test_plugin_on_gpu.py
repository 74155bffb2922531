"""The plugin in engines of the real TensorRT.

Networks of one node, built with the network API and from ONNX, against `DeviceKernels` and PyTorch; and an engine in a
process that does not import the plugin. Needs TensorRT 10.9 or newer with its Python package: without it these tests
are skipped, or fail if FOMM_REQUIRE_PLUGIN=1. FOMM_REQUIRE_GPU is separate, since a machine may have an older TensorRT.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from fomm_kernels import KernelError, grid_sample, plugin
from gpu_memory import Gpu, assert_twins
from kernel_memory import random

pytestmark = pytest.mark.gpu

FLOAT, HALF = 1e-4, 1e-3
"""As in test_frameworks.py."""
CHANNELS, SIZE, OUT = 16, (32, 24), (24, 40)
MOST = 3
"""The largest batch."""


@pytest.fixture(scope="module")
def torch(gpu: Gpu, do_without: Callable[[str], NoReturn]) -> Any:
    del gpu
    import torch

    if not torch.cuda.is_available():
        do_without("this PyTorch is built without CUDA, or does not find the GPU")
    return torch


@pytest.fixture(scope="module")
def trt(torch: Any) -> Any:
    """TensorRT with the plugin registered."""
    del torch  # which brings the GPU
    try:
        plugin.register()
    except KernelError as problem:
        if os.environ.get("FOMM_REQUIRE_PLUGIN", "0") != "0":
            pytest.fail(f"FOMM_REQUIRE_PLUGIN is set, but {problem}", pytrace=False)
        pytest.skip(str(problem))
    import tensorrt

    return tensorrt


def create_network(trt: Any) -> tuple[Any, Any]:
    builder = trt.Builder(trt.Logger(trt.Logger.WARNING))
    return builder, builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))


def add_node(trt: Any, network: Any, half: bool, align_corners: bool) -> None:
    """A network from `source` and `grid` to `sampled`, for any batch."""
    source = network.add_input("source", trt.float16 if half else trt.float32, (-1, CHANNELS, *SIZE))
    grid = network.add_input("grid", trt.float32, (-1, *OUT, 2))
    operator = getattr(getattr(trt.plugin.op, plugin.NAMESPACE), plugin.NAME)
    layer = network.add_plugin(operator(source, grid, align_corners=int(align_corners)), aot=True)
    layer.get_output(0).name = "sampled"
    network.mark_output(layer.get_output(0))


def parse_node(trt: Any, network: Any, half: bool, align_corners: bool) -> None:
    """The same network from an ONNX graph."""
    onnx = pytest.importorskip("onnx")
    attributes = plugin.node_attributes(align_corners)
    node = onnx.helper.make_node(plugin.NAME, ["source", "grid"], ["sampled"], domain=plugin.NAMESPACE, **attributes)
    storage = onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT
    source, grid, sampled = (
        onnx.helper.make_tensor_value_info(name, dtype, shape)
        for name, dtype, shape in (
            ("source", storage, ("batch", CHANNELS, *SIZE)),
            ("grid", onnx.TensorProto.FLOAT, ("batch", *OUT, 2)),
            ("sampled", storage, ("batch", CHANNELS, *OUT)),
        )
    )
    graph = onnx.helper.make_graph([node], "sampling", [source, grid], [sampled])
    opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in (("", 18), (plugin.NAMESPACE, 1))]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.WARNING))
    parsed = parser.parse(model.SerializeToString())
    assert parsed, [str(parser.get_error(i)) for i in range(parser.num_errors)]


def build(trt: Any, made: Callable[..., None], half: bool, align_corners: bool, layout: str = "LINEAR") -> bytes:
    """An engine of one node for batches of 1 to MOST, with input and output in `layout`."""
    builder, network = create_network(trt)
    made(trt, network, half, align_corners)
    for tensor in (network.get_input(0), network.get_output(0)):
        tensor.allowed_formats = 1 << int(getattr(trt.TensorFormat, layout))
    profile, config = builder.create_optimization_profile(), builder.create_builder_config()
    for name, shape in (("source", (CHANNELS, *SIZE)), ("grid", (*OUT, 2))):
        profile.set_shape(name, (1, *shape), (2, *shape), (MOST, *shape))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    assert plan, "TensorRT's log says why"
    return bytes(plan)


class Engine:
    """A loaded engine."""

    def __init__(self, trt: Any, plan: bytes) -> None:
        self.logger = trt.Logger(trt.Logger.WARNING)
        self.runtime = trt.Runtime(self.logger)
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        self.context = self.engine.create_execution_context()

    def run(self, stream: int, source: Any, grid: Any, sampled: Any) -> None:
        for name, tensor in (("source", source), ("grid", grid), ("sampled", sampled)):
            if name != "sampled":
                assert self.context.set_input_shape(name, tuple(tensor.shape))
            assert self.context.set_tensor_address(name, tensor.data_ptr())
        assert self.context.execute_async_v3(stream)


def tensors(torch: Any, n: int, half: bool, channels_last: bool) -> tuple[Any, Any, Any]:
    """A source, a grid and an output."""
    dtype = torch.float16 if half else torch.float32
    layout = torch.channels_last if channels_last else torch.contiguous_format
    source = torch.from_numpy(random(n, CHANNELS, *SIZE)).to("cuda:0", dtype).contiguous(memory_format=layout)
    grid = torch.from_numpy(1.3 * random(n, *OUT, 2, seed=1)).to("cuda:0", torch.float32)
    out = torch.full((n, CHANNELS, *OUT), float("nan"), dtype=dtype, device="cuda:0").contiguous(memory_format=layout)
    return source, grid, out


def numbers(tensor: Any) -> Any:
    """Returns it as a NumPy array of float32."""
    return tensor.float().cpu().numpy()


@pytest.mark.parametrize("made", [add_node, parse_node])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("half", "layout"), [(True, "LINEAR"), (True, "HWC8"), (False, "LINEAR"), (False, "HWC")])
def test_engine(
    gpu: Gpu, torch: Any, trt: Any, made: Callable[..., None], half: bool, layout: str, align_corners: bool
) -> None:
    """For every batch, one engine agrees with `grid_sample`, which another compiler contracted, and with PyTorch."""
    engine = Engine(trt, build(trt, made, half, align_corners, layout))
    stream = torch.cuda.current_stream().cuda_stream
    for n in (1, MOST, 2):
        source, grid, sampled = tensors(torch, n, half, layout != "LINEAR")
        own = torch.empty_like(sampled)
        engine.run(stream, source, grid, sampled)
        grid_sample(gpu.kernels, source, grid, own, align_corners=align_corners, stream=stream)
        torch.cuda.synchronize()
        assert_twins(numbers(sampled), numbers(own), HALF if half else FLOAT)
        expected = torch.nn.functional.grid_sample(source.float(), grid, align_corners=align_corners)
        assert_twins(numbers(sampled), numbers(expected), HALF if half else FLOAT)


def test_graph(torch: Any, trt: Any) -> None:
    """The launch can be captured, since the plugin runs no code on the host."""
    engine = Engine(trt, build(trt, add_node, True, True, "HWC8"))
    source, grid, sampled = tensors(torch, 2, True, True)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    engine.run(stream.cuda_stream, source, grid, sampled)  # TensorRT loads its kernels
    torch.cuda.synchronize()
    expected = numbers(sampled)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        engine.run(torch.cuda.current_stream().cuda_stream, source, grid, sampled)
    sampled.fill_(float("nan"))
    graph.replay()
    torch.cuda.synchronize()
    assert np.array_equal(numbers(sampled), expected)


FOREIGN = """
import sys
import numpy, tensorrt, torch

plan, data, result = sys.argv[1:]
given = {name: torch.from_numpy(array).cuda() for name, array in numpy.load(data).items()}
runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
engine = runtime.deserialize_cuda_engine(open(plan, "rb").read())
context = engine.create_execution_context()
for name in ("source", "grid"):
    context.set_input_shape(name, tuple(given[name].shape))
given["sampled"] = torch.empty(tuple(context.get_tensor_shape("sampled")), dtype=given["source"].dtype, device="cuda")
for name, tensor in given.items():
    context.set_tensor_address(name, tensor.data_ptr())
assert context.execute_async_v3(torch.cuda.current_stream().cuda_stream)
torch.cuda.synchronize()
numpy.save(result, given["sampled"].cpu().numpy())
assert not [name for name in sys.modules if name.startswith(("fomm", "tensorrt.plugin"))]
"""
"""A program that runs an engine without the plugin."""


def test_an_engine_needs_nothing_of_the_plugin(gpu: Gpu, torch: Any, trt: Any, tmp_path: Path) -> None:
    source, grid, sampled = tensors(torch, 2, True, False)
    plan, data, result = (tmp_path / name for name in ("sampling.engine", "given.npz", "sampled.npy"))
    plan.write_bytes(build(trt, add_node, True, True))
    np.savez(data, source=source.cpu().numpy(), grid=grid.cpu().numpy())
    command: Sequence[str] = [sys.executable, "-c", FOREIGN, str(plan), str(data), str(result)]
    subprocess.run(command, check=True, cwd=tmp_path)
    grid_sample(gpu.kernels, source, grid, sampled, align_corners=True, stream=None)
    torch.cuda.synchronize()
    assert_twins(np.load(result).astype(np.float32), numbers(sampled), HALF)
