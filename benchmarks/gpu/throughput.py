"""Latency and throughput of the kernel path, from uint8 frames in host memory to uint8 results there.

    python benchmarks/gpu/throughput.py -m models/vox-256 -o FILE.json [--trunks pytorch]

Measures agreement with ONNX Runtime, without which it reports no speed; then single frames in turns: replayed, step by
step, and with frames and results left on the GPU; then the stages of a frame, by events; then batches. Engines must be
in the engine store; `engine_matrix.py` builds them. Trunks by PyTorch need no TensorRT. `rivals.py` and `fomm-rt bench`
compare with PyTorch.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.kernel_path.opening import TRUNKS, Open, opener, why_unavailable
from fomm_bench.kernel_path.pictures import CLIP, clip
from fomm_bench.machine import nvidia_smi
from fomm_bench.results.samples import latency_of, stage_medians
from fomm_rt import Animator
from fomm_rt.bundled import open_model
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.errors import FommError
from fomm_rt.image import psnr_db
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.manifest import Manifest
from fomm_rt.model.precision import ENGINE_PRECISIONS


@dataclass(frozen=True)
class Targets:
    """Targets for vox-256 with engines on one GPU: latency of single frames, throughput in batches."""

    p50_ms: float
    p99_ms: float
    frames_per_s: float


TARGETS = {"NVIDIA H200": Targets(0.60, 0.75, 4000)}
"""GPU -> its targets; others have none."""
DECIBELS = {"fp16": 40.0, "fp32": 48.0}
"""PSNR of the prediction that a precision must reach."""
WARM_UP_S = 2.0

Measured = dict[str, Any]


class Bench:
    """One model on one GPU.

    Args:
        model, precision: The model and its precision.
        open_backend: Opens its backend.
        frames: Frames of each contestant in all rounds.
        rounds: Turns of each contestant.
    """

    def __init__(self, model: ModelFolder, precision: str, open_backend: Open, frames: int, rounds: int) -> None:
        self._model, self._precision, self._open = model, precision, open_backend
        self._frames, self._rounds = frames, rounds
        self._pictures = clip(model.manifest.size)

    def open(self, batch: int, captures: bool = True) -> Animator:
        """Opens the model for batches up to `batch`.

        Raises:
            EngineError: There are no engines for it.
        """
        return self.ready(Animator(self._model.manifest, self._open(batch, captures)))

    def ready(self, animator: Animator) -> Animator:
        """Gives an animator the common source and reference."""
        animator.set_source(self._pictures[0])
        animator.set_reference(self._pictures[1])
        return animator

    def agreement(self, animator: Animator) -> float:
        """The PSNR in dB against ONNX Runtime, of the worst of a few frames.

        Raises:
            SystemExit: It is too low.
        """
        with Animator.load(self._model.path, "onnxruntime-cpu") as exact:
            self.ready(exact)
            errors = [
                np.square(animator.animate(frame).astype(float) - exact.animate(frame)).mean()
                for frame in self._pictures[2::6]
            ]
        found = psnr_db(max(*errors, 1e-9))
        if not found >= DECIBELS[self._precision]:
            raise SystemExit(
                f"{self._model.manifest.name} does not agree with ONNX Runtime: {found:.1f} dB, at least "
                f"{DECIBELS[self._precision]:.0f} required; no speed is reported"
            )
        return found

    def single(self, replayed: Animator, eager: Animator) -> Measured:
        """Contestant -> latency, with the milliseconds of every frame."""
        out = np.empty_like(self._pictures[0])
        frames = self._pictures[1:]
        with on_gpu(frames[0]) as given, on_gpu(out) as left:
            contestants: dict[str, Callable[[int], object]] = {
                "replayed": lambda number: replayed.animate(frames[number % CLIP], out),
                "step by step": lambda number: eager.animate(frames[number % CLIP], out),
                "left on the GPU": lambda _: replayed.animate(given, left),
            }
            samples = self._in_turns(contestants)
        return {name: {**vars(latency_of([times])), "samples_ms": times} for name, times in samples.items()}

    def _in_turns(self, contestants: dict[str, Callable[[int], object]]) -> dict[str, list[float]]:
        self._warm_up(contestants["replayed"])
        samples: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(self._rounds):
            for name in list(contestants)[number % 3 :] + list(contestants)[: number % 3]:
                for _ in range(10):  # warms up clocks and caches again
                    contestants[name](0)
                for frame in range(self._frames // self._rounds):
                    start = perf_counter()
                    contestants[name](frame)
                    samples[name].append((perf_counter() - start) * 1e3)
        return samples

    @staticmethod
    def _warm_up(animate: Callable[[int], object]) -> None:
        """Runs until the clocks of an idle GPU have risen."""
        start = perf_counter()
        while perf_counter() - start < WARM_UP_S:
            animate(0)

    def stages(self, animator: Animator) -> Measured:
        """Stage -> median milliseconds, by events within the graph, and their sum."""
        frames = [self._pictures[1 + number % CLIP] for number in range(20 + self._frames // 4)]
        medians = stage_medians([dict(animator.animate_timed(frame).stage_ms) for frame in frames][20:])
        return {**medians, "all": sum(medians.values())}

    def batched(self, batch: int) -> Measured:
        """Frames per second of `animate_all`, by turn."""
        with self.open(batch) as animator:
            frames = [self._pictures[1 + number % CLIP] for number in range(max(self._frames, 8 * animator.batch))]
            single = [animator.animate(frame) for frame in frames[:CLIP]]
            pairs = zip(animator.animate_all(frames[:CLIP]), single, strict=True)
            worst = max(int(np.abs(found.astype(int) - wanted).max()) for found, wanted in pairs)
            if worst > 2:
                problem = f"{worst} levels from single frames, at most 2 allowed; no speed is reported"
                return {"batch": animator.batch, "error": problem}
            rates = []
            for _ in range(self._rounds):
                start = perf_counter()
                for _picture in animator.animate_all(frames):
                    pass
                rates.append(len(frames) / (perf_counter() - start))
            return {"batch": animator.batch, "frames_per_s": float(np.median(rates)), "rates": rates}


@contextmanager
def on_gpu(picture: NDArray[np.uint8]) -> Iterator[Any]:
    """An image on the GPU, allocated with the CUDA driver API, until the end of the block."""
    from cuda.bindings import driver
    from cuda.core import Device

    Device(0).set_current()
    result, address = driver.cuMemAlloc(picture.nbytes)
    assert result == 0, result.name
    try:
        (result,) = driver.cuMemcpyHtoD(address, np.ascontiguousarray(picture).ctypes.data, picture.nbytes)
        assert result == 0, result.name
        interface = {"version": 3, "shape": picture.shape, "typestr": "|u1", "data": (int(address), False)}
        yield SimpleNamespace(
            shape=picture.shape, __cuda_array_interface__={**interface, "strides": None, "stream": None}
        )
    finally:
        driver.cuMemFree(address)


def clocks() -> str | None:
    """Clocks in MHz and power in W, as nvidia-smi reports them."""
    rows = nvidia_smi.query("gpu", "clocks.sm,clocks.mem,power.draw")
    return ", ".join(rows[0]) if rows else None


def measure(bench: Bench, batches: list[int], document: Measured, keep: Callable[[], None]) -> None:
    """Measures everything; prints and keeps each result at once, in case a later one fails."""
    with ExitStack() as stack:
        replayed, eager = (stack.enter_context(bench.open(1, captures)) for captures in (True, False))
        document["backend"] = asdict(replayed.backend)
        document["psnr_db"] = bench.agreement(replayed)
        print(f"{replayed.backend.device}: {document['psnr_db']:.1f} dB from ONNX Runtime")
        document["single_ms"] = bench.single(replayed, eager)
        document["clocks_after_single"] = clocks()
        keep()
        document["stages_ms"] = bench.stages(replayed)
        keep()
    for name, found in document["single_ms"].items():
        print(f"  {name:<16} p50 {found['p50']:.3f}  p90 {found['p90']:.3f}  p99 {found['p99']:.3f} ms")
    print("  " + ", ".join(f"{stage} {ms:.3f}" for stage, ms in document["stages_ms"].items()) + " ms")
    document["batched"] = []
    for batch in batches:
        try:
            found = bench.batched(batch)
        except FommError as error:
            found = {"batch": batch, "error": str(error)}
        document["batched"].append(found)
        keep()
        print(
            f"  batch {batch:>3}  {found.get('error') or format(found['frames_per_s'], '.0f') + ' frames/s'}",
            flush=True,
        )


def verdict(document: Measured, targets: Targets) -> dict[str, bool]:
    """Target -> True if it is met."""
    replayed = document["single_ms"]["replayed"]
    best = max((found.get("frames_per_s", 0.0) for found in document["batched"]), default=0.0)
    return {
        f"p50 at most {targets.p50_ms} ms": replayed["p50"] <= targets.p50_ms,
        f"p99 at most {targets.p99_ms} ms": replayed["p99"] <= targets.p99_ms,
        f"at least {targets.frames_per_s} frames/s in batches": best >= targets.frames_per_s,
    }


def _is_vox_256(manifest: Manifest) -> bool:
    """True if a model has the architecture of the targets, with any weights."""
    return (manifest.size, manifest.num_kp, FrameShape.of(manifest).feature_channels) == (256, 10, 256)


def main() -> None:
    """Measures, prints, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", help="a model folder; the bundled one by default")
    parser.add_argument("--trunks", choices=TRUNKS, help="what runs the convolutions; by default the first that can")
    parser.add_argument("--precision", choices=ENGINE_PRECISIONS, default="fp16")
    parser.add_argument("--frames", type=int, default=2000, help="frames of each contestant, in all rounds")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8, 32], help="largest batch of each set of engines")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    problems = {name: why_unavailable(name) for name in ([options.trunks] if options.trunks else TRUNKS)}
    usable = [name for name, problem in problems.items() if problem is None]
    gpu = nvidia_driver.gpu()
    if not usable or gpu is None:
        raise SystemExit("nothing to measure: " + "; ".join(f"{name}: {problem}" for name, problem in problems.items()))
    trunks = usable[0]
    document: Measured = {
        "benchmark": "throughput",
        "trunks": trunks,
        "precision": options.precision,
        "gpu": asdict(gpu),
        "python": platform.python_version(),
        "frames": options.frames,
        "rounds": options.rounds,
        "clocks_before": clocks(),
    }

    def keep() -> None:
        options.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    try:
        model = open_model(options.model)
        document["model"] = model.manifest.name
        open_backend = opener(trunks, model, options.precision, gpu)
        bench = Bench(model, options.precision, open_backend, options.frames, options.rounds)
        measure(bench, options.batch, document, keep)
    except FommError as error:
        raise SystemExit(f"error: {error}") from error
    targets = TARGETS.get(gpu.name) if _is_vox_256(model.manifest) and trunks in FLAVOURS else None
    document["targets"] = {} if targets is None else verdict(document, targets)
    keep()
    if targets is None:
        print(f"  no targets for {model.manifest.name} on {gpu.name} with trunks by {trunks}")
    for target, met in document["targets"].items():
        print(f"  {target}: {'met' if met else 'NOT met'}")


if __name__ == "__main__":
    main()
