"""Bandwidth of the kernels on a GPU, and the warp against PyTorch's grid_sample.

    python benchmarks/studies/kernels.py [--batch 1 8] [--rounds 31] [-o FILE]
    python benchmarks/studies/kernels.py --resources [--architectures 75 90 120]      needs no GPU

Arrays have the shapes of vox-256, stored as half. A sample is one replay of a CUDA graph, timed by events. The graph
runs a kernel on more sets of arrays than the L2 cache holds. Contestants take turns, so changing clocks affect all of
them. Bandwidth counts every input and output once and is compared with a large copy in the same run. Results must agree
with the CPU's; otherwise no speed is reported.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import fomm_kernels
from fomm_kernels import KERNELS, DeviceKernels, Executor, HostKernels, driver_problem, nvrtc

SIZE, QUARTER, HEATMAP = 256, 64, 58
KEYPOINTS, CHANNELS = 10, 256
TARGET_RATIO = 1.5
"""Target for the time of PyTorch's grid_sample divided by that of the warp, at half precision."""
ALLOWED = 2e-3
"""|GPU - CPU| <= ALLOWED * (1 + |CPU|): a few ulp of a half."""
COPY_BYTES = 1 << 30
L2_SHARE = 2
"""Size of all sets of arrays, in L2 caches."""
MOST_SETS = 512

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
Launch = Callable[[], Any]


@dataclass
class Work:
    """A launch with its own arrays."""

    kernel: str
    inputs: dict[str, torch.Tensor]
    outputs: dict[str, torch.Tensor]
    options: dict[str, Any]

    @property
    def bytes(self) -> int:
        """Bytes to move: inputs read once, outputs written once."""
        return sum(array.nbytes for array in (*self.inputs.values(), *self.outputs.values()))

    def launch(self, kernels: Executor) -> None:
        """Queues the launch on PyTorch's current stream."""
        stream = torch.cuda.current_stream().cuda_stream
        function = getattr(fomm_kernels, self.kernel)
        function(kernels, **self.inputs, **self.outputs, **self.options, stream=stream)

    def check(self, kernels: Executor, host: HostKernels) -> None:
        """Runs the launch on GPU and CPU; exits if they differ."""
        for output in self.outputs.values():
            output.fill_(77)
        self.launch(kernels)
        torch.cuda.synchronize()
        inputs, outputs = (
            {name: array.cpu().numpy() for name, array in arrays.items()} for arrays in (self.inputs, self.outputs)
        )
        twins = {name: np.empty_like(array) for name, array in outputs.items()}
        getattr(fomm_kernels, self.kernel)(host, **inputs, **twins, **self.options)
        for name, twin in twins.items():
            agree(f"{self.kernel}: {name}", outputs[name], twin)


def agree(what: str, found: Any, expected: Any) -> None:
    """Exits unless the numbers agree; levels of pictures may round either way."""
    apart = np.abs(found.astype(np.float64) - expected)
    if found.dtype == np.uint8:
        apart = np.maximum(apart - 1, 0)
    distance = apart / (1 + np.abs(expected.astype(np.float64)))
    if not distance.max() <= ALLOWED:
        raise SystemExit(f"{what} differs by {distance.max():.1e}; at most {ALLOWED:.0e} is allowed")


def random(*shape: int, layout: str = "channels first", dtype: torch.dtype = torch.float16) -> torch.Tensor:
    """Random numbers from -1 to 1."""
    array = (2 * torch.rand(shape, device="cuda") - 1).to(dtype)
    return array.contiguous(memory_format=LAYOUTS[layout]) if len(shape) == 4 else array


def rows(n: int, length: int, first: int) -> torch.Tensor:
    """(N, K, length) float32, with a matrix close to the identity from column `first`."""
    array = 0.3 * random(n, KEYPOINTS, length, dtype=torch.float32)
    array[..., first] += 1
    array[..., first + 3] += 1
    return array


def work(kernel: str, n: int, layout: str, shared: bool = True) -> Work:
    """New arrays for a kernel in the shapes of vox-256; `shared`: one source for all frames of the batch."""
    sources, side = 1 if shared else n, QUARTER
    match kernel:
        case "frame_input":
            pictures = torch.randint(0, 256, (n, SIZE, SIZE, 3), dtype=torch.uint8, device="cuda")
            whole = (0, 0, SIZE, SIZE)
            written = {
                "frame": random(n, 3, SIZE, SIZE, layout=layout),
                "quarter": random(n, 3, side, side, layout=layout),
            }
            options = {"size": SIZE, "part": whole, "placed": whole, "sigma": 1.5, "radius": 6}
            return Work(kernel, {"pictures": pictures}, written, options)
        case "keypoint_head":
            maps = {
                "logits": random(n, KEYPOINTS, HEATMAP, HEATMAP, layout=layout),
                "jacobian_maps": random(n, 4 * KEYPOINTS, HEATMAP, HEATMAP, layout=layout),
            }
            return Work(kernel, maps, {"keypoints": rows(n, 6, 2)}, {"temperature": 0.1})
        case "motion":
            given = {"driving": rows(n, 6, 2), "source": rows(sources, 6, 2), "transfer": rows(sources, 7, 3)}
            given["quarter"] = random(sources, 3, side, side, layout=layout)
            written = {
                "hourglass_input": random(n, 4 * (KEYPOINTS + 1), side, side, layout=layout),
                "sparse_motion": rows(n, 8, 0),
            }
            return Work(kernel, given, written, {"align_corners": False, "variance": 0.01})
        case "warp":
            given = {
                "mask_logits": smooth(n, KEYPOINTS + 1, layout),
                "occlusion_logits": random(n, 1, side, side, layout=layout),
                "sparse_motion": rows(n, 8, 0),
                "features": random(sources, CHANNELS, side, side, layout=layout),
            }
            written = {"warped": random(n, CHANNELS, side, side, layout=layout)}
            return Work(kernel, given, written, {"align_corners": False})
        case "grid_sample":
            sampled = {"source": random(sources, CHANNELS, side, side, layout=layout), "grid": deformation(n)}
            return Work(
                kernel, sampled, {"out": random(n, CHANNELS, side, side, layout=layout)}, {"align_corners": False}
            )
        case _:
            given = {"prediction": random(n, 3, SIZE, SIZE, layout=layout)}
            if kernel == "blended_output":
                given = {
                    "decoded": random(n, 4, SIZE, SIZE, layout=layout),
                    "source": random(sources, 3, SIZE, SIZE, layout=layout),
                    "deformation": deformation(n),
                }
            written = {"pictures": torch.empty((n, SIZE, SIZE, 3), dtype=torch.uint8, device="cuda")}
            return Work(kernel, given, written, {})


def smooth(n: int, fields: int, layout: str) -> torch.Tensor:
    """(N, K + 1, h, w) half: smooth patches, like masks."""
    coarse = 4 * random(n, fields, QUARTER // 8, QUARTER // 8, dtype=torch.float32)
    fine = F.interpolate(coarse, size=(QUARTER, QUARTER), mode="bilinear")
    return fine.half().contiguous(memory_format=LAYOUTS[layout])


def deformation(n: int) -> torch.Tensor:
    """(N, h, w, 2) float32: as smooth as dense motion, so neighbours read neighbours."""
    matrix = torch.eye(2, 3, device="cuda") + 0.1 * random(n, 2, 3, dtype=torch.float32)
    return F.affine_grid(matrix, [n, 1, QUARTER, QUARTER], align_corners=False)


def captured(launches: list[Launch]) -> tuple[torch.cuda.CUDAGraph, list[Any]]:
    """A graph of launches, and their results, which are kept so that none replaces another in the cache."""
    launches[0]()  # loads all code
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = [launch() for launch in launches]
    return graph, results


def timed(contestants: dict[str, list[Launch]], rounds: int) -> dict[str, list[float]]:
    """Contestant -> microseconds of a launch, one sample per round."""
    graphs = {name: captured(launches) for name, launches in contestants.items()}
    for _ in range(10):
        for graph, _ in graphs.values():
            graph.replay()
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, (graph, _) in graphs.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            start.record()
            graph.replay()
            end.record()
            end.synchronize()
            samples[name].append(1e3 * start.elapsed_time(end) / len(contestants[name]))
    return samples


def copy_rate(rounds: int) -> float:
    """GB/s read and written by a copy that is too large for any cache."""
    source = torch.randint(0, 256, (COPY_BYTES,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    samples = timed({"copy": [lambda: target.copy_(source)]}, rounds)["copy"]
    return 2 * COPY_BYTES / statistics.median(samples) / 1e3


def sets(size: int) -> int:
    """Number of sets of arrays of `size` bytes that the L2 cache cannot hold."""
    cache: int = torch.cuda.get_device_properties(0).L2_cache_size
    return min(max(ceil(L2_SHARE * cache / size), 4), MOST_SETS)


def bandwidths(kernels: DeviceKernels, batches: list[int], rounds: int, copy: float) -> list[dict[str, Any]]:
    """Measures the bandwidth of each kernel."""
    host = HostKernels()
    found = []
    print(f"\n{'kernel':<18} {'layout':<15} {'batch':>5} {'KiB':>8} {'µs':>8} {'GB/s':>7} {'of copy':>8}")
    for kernel, layout, n in product(KERNELS, LAYOUTS, batches):
        first = work(kernel, n, layout)
        first.check(kernels, host)
        works = [first, *(work(kernel, n, layout) for _ in range(sets(first.bytes) - 1))]
        samples = timed({kernel: [partial(one.launch, kernels) for one in works]}, rounds)[kernel]
        median = statistics.median(samples)
        rate = first.bytes / median / 1e3
        print(
            f"{kernel:<18} {layout:<15} {n:>5} {first.bytes / 1024:>8.0f} {median:>8.2f} {rate:>7.0f} "
            f"{rate / copy:>8.0%}"
        )
        figures = {"bytes": first.bytes, "sets": len(works), "median_us": median, "samples_us": samples}
        rates = {"gb_per_s": rate, "share_of_copy": rate / copy}
        found.append({"kernel": kernel, "layout": layout, "batch": n, **figures, **rates})
    return found


def against_pytorch(kernels: DeviceKernels, batches: list[int], rounds: int) -> list[dict[str, Any]]:
    """Measures the warp and grid_sample against PyTorch's grid_sample on the same features and motion.

    The warp also blends the motion from its masks and multiplies by the occlusion. PyTorch gets the motion, as halves,
    because its grid must have the type of the image.
    """
    found = []
    print(f"\n{'layout':<15} {'batch':>5} {'PyTorch':>9} {'warp':>9} {'ratio':>6} {'grid_sample':>12} {'ratio':>6}")
    for layout, n in product(LAYOUTS, batches):
        first = work("warp", n, layout, shared=False)
        works = [first, *(work("warp", n, layout, shared=False) for _ in range(sets(first.bytes) - 1))]
        contestants: dict[str, list[Launch]] = {"PyTorch": [], "warp": [], "grid_sample": []}
        for one in works:
            features, out, dense = one.inputs["features"], one.outputs["warped"], torch.empty_like(deformation(n))
            one.options["deformation"] = dense
            one.launch(kernels)
            torch.cuda.synchronize()
            del one.options["deformation"]
            if one is first:
                expected = F.grid_sample(features.float(), dense, align_corners=False)
                expected *= one.inputs["occlusion_logits"].float().sigmoid()
                agree("warp", out.float().cpu().numpy(), expected.cpu().numpy())
            sampling = Work("grid_sample", {"source": features, "grid": dense}, {"out": out}, one.options)
            contestants["warp"].append(partial(one.launch, kernels))
            contestants["grid_sample"].append(partial(sampling.launch, kernels))
            contestants["PyTorch"].append(partial(F.grid_sample, features, dense.half(), align_corners=False))
        samples = timed(contestants, rounds)
        median = {name: statistics.median(of) for name, of in samples.items()}
        ratio = {
            name: statistics.median(a / b for a, b in zip(samples["PyTorch"], samples[name], strict=True))
            for name in ("warp", "grid_sample")
        }
        print(
            f"{layout:<15} {n:>5} {median['PyTorch']:>6.2f} µs {median['warp']:>6.2f} µs {ratio['warp']:>6.2f} "
            f"{median['grid_sample']:>9.2f} µs {ratio['grid_sample']:>6.2f}"
        )
        found.append({"layout": layout, "batch": n, "samples_us": samples, "median_us": median, "ratio": ratio})
        met = "met" if ratio["warp"] >= TARGET_RATIO else "NOT met"
        print(f"  target: the warp at least {TARGET_RATIO} times as fast as PyTorch's grid_sample: {met}")
    return found


def print_resources(architectures: list[int]) -> None:
    """Prints the registers, stack and spills of each kernel."""
    print(f"{'kernel':<18} {'storage':<8} {'sm':>4} {'registers':>10} {'stack B':>8} {'spilled B':>10} {'code B':>8}")
    for kernel, half, number in product(KERNELS, (False, True), architectures):
        code, log = nvrtc.compile_with_log(kernel, half, f"sm_{number}", "--ptxas-options=--verbose")
        registers, stack, spilled = (
            sum(map(int, re.findall(pattern, log)))
            for pattern in (r"Used (\d+) registers", r"(\d+) bytes stack frame", r"(\d+) bytes spill stores")
        )
        storage = "half" if half else "float"
        print(f"{kernel:<18} {storage:<8} {number:>4} {registers:>10} {stack:>8} {spilled:>10} {len(code):>8}")


def main() -> None:
    """Measures, prints tables, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("-o", "--output", type=Path, help="write the figures there as JSON")
    parser.add_argument("--resources", action="store_true", help="print registers and spills; needs no GPU")
    parser.add_argument("--architectures", type=int, nargs="+", default=[75, 90, 120], help="for --resources")
    options = parser.parse_args()
    if options.resources:
        print_resources(options.architectures)
        return
    if problem := driver_problem():
        raise SystemExit(f"no GPU to measure: {problem}")
    if not torch.cuda.is_available():
        raise SystemExit("this PyTorch is built without CUDA; install one with CUDA to compare the kernels with")

    torch.manual_seed(0)
    kernels = DeviceKernels()
    kernels.load(half=True)
    copy = copy_rate(options.rounds)
    print(f"{kernels.name}, {kernels.architecture}; a large copy moves {copy:.0f} GB/s")
    document = {
        "benchmark": "kernels",
        "device": kernels.name,
        "architecture": kernels.architecture,
        "torch": torch.__version__,
        "cuda_of_torch": torch.version.cuda,
        "nvrtc": ".".join(map(str, nvrtc.version())),
        "python": platform.python_version(),
        "rounds": options.rounds,
        "copy_gb_per_s": copy,
        "bandwidth": bandwidths(kernels, options.batch, options.rounds, copy),
        "against_pytorch": against_pytorch(kernels, options.batch, options.rounds),
    }
    if options.output:
        options.output.write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
