"""The keypoint detector's trunk alone in several precisions: its time and the error of its keypoints.

    python benchmarks/gpu/detector.py -m models/vox-256 -o FILE.json [--device cpu]

    fp32     convolutions in float32, as in engines
    3xtf32   three TF32 convolutions of high and low parts: hi·hi + hi·lo + lo·hi
    tf32     one TF32 convolution
    fp16     half precision, channels last, logits in float32

A sample is the replay of a CUDA graph of the whole trunk, timed by events. The error is the largest distance of a
keypoint to that of float64, in pixels of the frame. On a CPU, TF32 is simulated by rounding and the times mean nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from typing_extensions import override

from fomm_bench.kernel_path.torch_graph import Convolution, TorchGraph
from fomm_build.half_graph import to_half
from fomm_build.trunks import cut_trunks
from fomm_rt.bundled import open_model
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.parity_picture import parity_frames

TRUNK = "keypoint_detector"
TF32_BITS = 13
"""Bits of the mantissa of float32 that TF32 drops."""


def split(values: Tensor) -> tuple[Tensor, Tensor]:
    """float32 -> its high part, exact in TF32, and the rest."""
    half = 1 << (TF32_BITS - 1)
    bits = (values.view(torch.int32) + half) & ~((1 << TF32_BITS) - 1)
    high = bits.view(torch.float32)
    return high, values - high


class RoundedGraph(TorchGraph):
    """A graph whose convolutions are TF32: by the GPU, or on a CPU by rounding their inputs."""

    @override
    def convolve(self, convolution: Convolution, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.is_cuda:  # with `allow_tf32`
            return convolution(x, weight, bias)
        return convolution(split(x)[0], split(weight)[0], bias)


class SplitGraph(TorchGraph):
    """A graph whose convolutions are sums of the three largest products of high and low parts."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        super().__init__(graph)
        self._parts: dict[int, tuple[Tensor, Tensor]] = {}

    @override
    def convolve(self, convolution: Convolution, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        weights = self._parts.get(id(weight)) or split(weight)  # weights stay, so they are split once
        self._parts[id(weight)] = weights
        (x_high, x_low), (w_high, w_low) = split(x), weights
        products = convolution(x_high, w_low, None) + convolution(x_low, w_high, None)
        return products + convolution(x_high, w_high, bias)


def variants(graph: onnx.ModelProto) -> dict[str, Callable[[], nn.Module]]:
    """Precision -> makes the module. Inputs and outputs of all are float32 but those of fp16."""
    return {
        "fp32": lambda: TorchGraph(graph),
        "3xtf32": lambda: SplitGraph(graph),
        "tf32": lambda: RoundedGraph(graph),
        "fp16": lambda: TorchGraph(to_half(graph, (), ("kp_logits", "jacobian_maps")).model),
    }


def keypoints(logits: Tensor, temperature: float) -> Tensor:
    """(N, K, H, W) logits -> (N, K, 2) expectations of the softmax, in float64."""
    n, k, height, width = logits.shape
    weights = torch.softmax(logits.double().reshape(n, k, -1) / temperature, 2).reshape(n, k, height, width)
    x, y = (torch.linspace(-1, 1, side, dtype=torch.float64, device=logits.device) for side in (width, height))
    return torch.stack([(weights.sum(2) * x).sum(2), (weights.sum(3) * y).sum(2)], 2)


def inputs_of(shape: FrameShape, device: str) -> Tensor:
    """(3, 3, motion_size, motion_size) float32: the parity picture and its moved copies, reduced."""
    pictures = torch.from_numpy(np.stack(parity_frames(shape.size))).permute(0, 3, 1, 2).float() / 255
    return nn.functional.interpolate(pictures, (shape.motion_size, shape.motion_size), mode="area").to(device)


def sample_ms(module: nn.Module, given: Tensor, samples: int) -> list[float]:
    """Milliseconds of each run of one frame: replays of a CUDA graph, or runs on the CPU."""
    frame = given[:1].clone()
    if not frame.is_cuda:
        times = []
        for _ in range(samples):
            start = perf_counter()
            module(frame)
            times.append((perf_counter() - start) * 1e3)
        return times
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(side):
        for _ in range(3):
            module(frame)
    side.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        module(frame)
    for _ in range(200):  # clocks rise
        graph.replay()
    pairs = []
    for _ in range(samples):
        pair = tuple(torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        pair[0].record()
        graph.replay()
        pair[1].record()
        pairs.append(pair)
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) for begin, end in pairs]


def measure(model: ModelFolder, device: str, samples: int) -> dict[str, dict[str, float]]:
    """Precision -> median and 99th percentile in milliseconds, and the error of keypoints in pixels."""
    shape, graph = FrameShape.of(model.manifest), cut_trunks(model)[TRUNK]
    given = inputs_of(shape, device)
    found = {}
    with torch.inference_mode():
        torch.backends.cudnn.allow_tf32 = False
        exact = keypoints(TorchGraph(graph).to(device).double()(given.double())[0], shape.temperature)
        for name, make in variants(graph).items():
            torch.backends.cudnn.allow_tf32 = name.endswith("tf32")
            module = make().to(device)
            frames = given.half() if name == "fp16" else given
            if name == "fp16":
                frames = frames.contiguous(memory_format=torch.channels_last)
            apart = (keypoints(module(frames)[0], shape.temperature) - exact).norm(dim=2).max()
            times = sample_ms(module, frames, samples)
            found[name] = {
                "p50_ms": statistics.median(times),
                "p99_ms": float(np.percentile(times, 99)),
                "keypoints_pixels": float(apart) * (shape.size - 1) / 2,
            }
    return found


def main() -> None:
    """Measures, prints and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", help="a model folder; the bundled one by default")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("nothing to measure: PyTorch finds no usable GPU; --device cpu only tries the script")
    torch.backends.cudnn.benchmark = True
    model = open_model(options.model)
    device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    document: dict[str, Any] = {"benchmark": "detector", "model": model.manifest.name, "device": device}
    document |= {"torch": torch.__version__, "precisions": measure(model, options.device, options.samples)}
    options.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for name, found in document["precisions"].items():
        print(
            f"{name:<8} p50 {found['p50_ms']:.4f}  p99 {found['p99_ms']:.4f} ms, keypoints within "
            f"{found['keypoints_pixels']:.4f} pixel"
        )


if __name__ == "__main__":
    main()
