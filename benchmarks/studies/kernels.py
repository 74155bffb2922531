"""Bandwidth of the kernels on a GPU, and the warp against PyTorch's grid_sample.

Not executed on a GPU so far: none was at hand where this was written.

    python benchmarks/studies/kernels.py [--batch 1 8] [--rounds 31] [-o FILE]
    python benchmarks/studies/kernels.py --resources [--architectures 75 90 120]      needs no GPU

Arrays have the shapes of vox-256, stored as half. A sample is the replay of one CUDA graph, timed by events; in it a
kernel goes over so many sets of arrays that none is in the L2 cache when its turn comes again. Contestants take turns,
so that a change of clocks hits all. What has to move is every input once and every output once; the rate of a large
copy, measured in the same run, is what the card can do. No speed is reported unless results agree with the CPU's.
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
"""Of the time of PyTorch's grid_sample to that of the warp, at half precision."""
ALLOWED = 2e-3
"""Of results: |GPU - CPU| <= ALLOWED * (1 + |CPU|), some ulp of a half."""
COPY_BYTES = 1 << 30
L2_SHARE = 2
"""Sets of arrays are this many times as large as the L2 cache, together."""
MOST_SETS = 512

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
Launch = Callable[[], Any]


@dataclass
class Work:
    """One launch with arrays of its own."""

    kernel: str
    inputs: dict[str, torch.Tensor]
    outputs: dict[str, torch.Tensor]
    options: dict[str, Any]

    @property
    def bytes(self) -> int:
        """What has to move: inputs read once, outputs written once."""
        return sum(array.nbytes for array in (*self.inputs.values(), *self.outputs.values()))

    def launch(self, kernels: Executor) -> None:
        """Queues it on PyTorch's current stream."""
        stream = torch.cuda.current_stream().cuda_stream
        function = getattr(fomm_kernels, self.kernel)
        function(kernels, **self.inputs, **self.outputs, **self.options, stream=stream)

    def check(self, kernels: Executor, host: HostKernels) -> None:
        """Runs it on the GPU and the CPU; no speed is reported if they differ."""
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
    """Ends the benchmark unless the numbers agree."""
    distance = np.abs(found.astype(np.float64) - expected) / (1 + np.abs(expected.astype(np.float64)))
    if not distance.max() <= ALLOWED:
        raise SystemExit(f"{what} is {distance.max():.1e} off, {ALLOWED:.0e} is allowed; no speed is reported")


def random(*shape: int, layout: str = "channels first", dtype: torch.dtype = torch.float16) -> torch.Tensor:
    """Numbers from -1 to 1."""
    array = (2 * torch.rand(shape, device="cuda") - 1).to(dtype)
    return array.contiguous(memory_format=LAYOUTS[layout]) if len(shape) == 4 else array


def rows(n: int, length: int, first: int) -> torch.Tensor:
    """(N, K, length) float32; from column `first` on a matrix close to the identity."""
    array = 0.3 * random(n, KEYPOINTS, length, dtype=torch.float32)
    array[..., first] += 1
    array[..., first + 3] += 1
    return array


def work(kernel: str, n: int, layout: str, shared: bool = True) -> Work:
    """New arrays for a kernel at the shapes of vox-256; `shared`: all frames of the batch have one source."""
    sources, side = 1 if shared else n, QUARTER
    match kernel:
        case "frame_input":
            pictures = torch.randint(0, 256, (n, SIZE, SIZE, 3), dtype=torch.uint8, device="cuda")
            whole = (0, 0, SIZE, SIZE)
            written = {
                "frame": random(n, 3, SIZE, SIZE, layout=layout),
                "quarter": random(n, 3, side, side, layout=layout),
            }
            return Work(kernel, {"pictures": pictures}, written, {"size": SIZE, "part": whole, "placed": whole})
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
            return Work(kernel, given, written, {"align_corners": False})
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
            prediction = {"prediction": random(n, 3, SIZE, SIZE, layout=layout)}
            written = {"pictures": torch.empty((n, SIZE, SIZE, 3), dtype=torch.uint8, device="cuda")}
            return Work(kernel, prediction, written, {})


def smooth(n: int, fields: int, layout: str) -> torch.Tensor:
    """(N, K + 1, h, w) half: patches that belong to one field each, as masks are."""
    coarse = 4 * random(n, fields, QUARTER // 8, QUARTER // 8, dtype=torch.float32)
    fine = F.interpolate(coarse, size=(QUARTER, QUARTER), mode="bilinear")
    return fine.half().contiguous(memory_format=LAYOUTS[layout])


def deformation(n: int) -> torch.Tensor:
    """(N, h, w, 2) float32: as smooth as a dense motion is, so that neighbours read neighbours."""
    matrix = torch.eye(2, 3, device="cuda") + 0.1 * random(n, 2, 3, dtype=torch.float32)
    return F.affine_grid(matrix, [n, 1, QUARTER, QUARTER], align_corners=False)


def captured(launches: list[Launch]) -> tuple[torch.cuda.CUDAGraph, list[Any]]:
    """A graph of launches, and what they return: kept, so that no result takes the place of another in the cache."""
    launches[0]()  # loads all code
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = [launch() for launch in launches]
    return graph, results


def timed(contestants: dict[str, list[Launch]], rounds: int) -> dict[str, list[float]]:
    """Microseconds of one launch, a sample a round."""
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
    """Bytes read and written in a second by a copy too large for any cache, in GB/s."""
    source = torch.randint(0, 256, (COPY_BYTES,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    samples = timed({"copy": [lambda: target.copy_(source)]}, rounds)["copy"]
    return 2 * COPY_BYTES / statistics.median(samples) / 1e3


def sets(size: int) -> int:
    """How many sets of arrays of so many bytes do not fit into the L2 cache."""
    cache: int = torch.cuda.get_device_properties(0).L2_cache_size
    return min(max(ceil(L2_SHARE * cache / size), 4), MOST_SETS)


def bandwidths(kernels: DeviceKernels, batches: list[int], rounds: int, copy: float) -> list[dict[str, Any]]:
    """Measures each kernel by itself."""
    host = HostKernels()
    found = []
    print(f"\n{'kernel':<18} {'layout':<15} {'batch':>5} {'KiB':>8} {'µs':>8} {'GB/s':>7} {'of copy':>8}")
    for kernel in KERNELS:
        for layout in LAYOUTS:
            for n in batches:
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
                found.append(
                    {
                        "kernel": kernel,
                        "layout": layout,
                        "batch": n,
                        "bytes": first.bytes,
                        "sets": len(works),
                        "median_us": median,
                        "samples_us": samples,
                        "gb_per_s": rate,
                        "share_of_copy": rate / copy,
                    }
                )
    return found


def against_pytorch(kernels: DeviceKernels, batches: list[int], rounds: int) -> list[dict[str, Any]]:
    """Measures the warp and grid_sample against PyTorch's grid_sample on the same features and motion.

    The warp makes the motion of its masks and multiplies by the occlusion besides; PyTorch is given the motion, as
    halves, since it takes a grid of the picture's type only.
    """
    found = []
    print(f"\n{'layout':<15} {'batch':>5} {'PyTorch':>9} {'warp':>9} {'ratio':>6} {'grid_sample':>12} {'ratio':>6}")
    for layout in LAYOUTS:
        for n in batches:
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
    """Prints what the compiler needs of a multiprocessor for each kernel."""
    print(f"{'kernel':<18} {'storage':<8} {'sm':>4} {'registers':>10} {'stack B':>8} {'spilled B':>10} {'code B':>8}")
    for kernel in KERNELS:
        for half in (False, True):
            for number in architectures:
                code, log = nvrtc.compile_with_log(kernel, half, f"sm_{number}", "--ptxas-options=--verbose")
                registers, stack, spilled = (
                    sum(map(int, re.findall(pattern, log)))
                    for pattern in (r"Used (\d+) registers", r"(\d+) bytes stack frame", r"(\d+) bytes spill stores")
                )
                storage = "half" if half else "float"
                print(f"{kernel:<18} {storage:<8} {number:>4} {registers:>10} {stack:>8} {spilled:>10} {len(code):>8}")


def main() -> None:
    """Measures, prints tables and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("-o", "--output", type=Path, help="write the figures there, as JSON")
    parser.add_argument("--resources", action="store_true", help="print registers and spills instead; needs no GPU")
    parser.add_argument("--architectures", type=int, nargs="+", default=[75, 90, 120], help="for --resources")
    options = parser.parse_args()
    if options.resources:
        print_resources(options.architectures)
        return
    if problem := driver_problem():
        raise SystemExit(f"no GPU to measure: {problem}")
    if not torch.cuda.is_available():
        raise SystemExit(
            "this PyTorch is built without CUDA, and it is what kernels are compared with; install another"
        )

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
