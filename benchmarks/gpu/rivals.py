"""One contestant of `fomm-rt bench` on a GPU, measured without media libraries, in a process of its own.

    python benchmarks/gpu/rivals.py pytorch-cuda -m models/vox-256 -o FOLDER
    python benchmarks/gpu/rivals.py kernel-path-pytorch -m models/vox-256 -o FOLDER

Animates the same frames with every contestant, from uint8 in host memory to uint8 there. The first one, REFERENCE,
computes in float32 as published and leaves its predictions in FOLDER; the others must agree with them, or no speed is
reported. Every result has its ratio to the reference's median. `fomm-rt bench` takes turns and is more exact; it needs
PyAV.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from fomm_bench.contestants.protocol import Contestant
from fomm_bench.contestants.registry import choose
from fomm_bench.kernel_path.pictures import clip
from fomm_bench.model.model_spec import STAND_IN_SEED, ModelSpec
from fomm_bench.results.samples import latency_of
from fomm_rt.errors import FommError
from fomm_rt.image import Image, psnr_db
from fomm_rt.model.folder import open_model_folder

REFERENCE = "pytorch-cuda"
DECIBELS = {"fp32": 48.0, "tf32": 40.0, "fp16": 40.0}
"""PSNR of predictions against the reference that a precision must reach."""
WARM_UP_S = 2.0
PREDICTIONS = "predictions.npy"


def spec_of(folder: str) -> ModelSpec:
    """The model with stand-in weights, which need no checkpoint; motion is relative, without scale."""
    weights = open_model_folder(folder).manifest.weights
    seed = STAND_IN_SEED.search(weights.file) if weights.origin == "stand-in" else None
    if seed is None:
        raise SystemExit(f"{folder}: expected stand-in weights; for a checkpoint use fomm-rt bench --checkpoint FILE")
    return ModelSpec(folder, None, int(seed[1]))


def predictions_of(contestant: Contestant, pictures: Image) -> Image:
    """Sets the source and animates every frame; the first is the reference of relative motion."""
    contestant.set_source(pictures[0])
    return np.stack([contestant.animate(frame) for frame in pictures[1:]])


def agreement_db(found: Image, expected: Image) -> float:
    """The PSNR of the worst frame."""
    errors = np.square(found.astype(float) - expected).mean(axis=(1, 2, 3))
    return psnr_db(max(float(errors.max()), 1e-9))


def latency_ms(contestant: Contestant, pictures: Image, frames: int) -> list[float]:
    """Milliseconds of each frame, after a warm-up."""
    start = perf_counter()
    while perf_counter() - start < WARM_UP_S:
        contestant.animate(pictures[1])
    times = []
    for number in range(frames):
        frame = pictures[1 + number % (len(pictures) - 1)]
        start = perf_counter()
        contestant.animate(frame)
        times.append((perf_counter() - start) * 1e3)
    return times


def frames_per_s(contestant: Contestant, pictures: Image, batch: int, rounds: int = 5) -> float:
    """The median throughput of batches."""
    frames = pictures[1 + np.arange(batch) % (len(pictures) - 1)]
    contestant.animate_batch(frames)
    rates = []
    for _ in range(rounds):
        start = perf_counter()
        contestant.animate_batch(frames)
        rates.append(batch / (perf_counter() - start))
    return float(np.median(rates))


def measure(contestant: Contestant, precision: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Returns the measurements; the reference's predictions are in `folder`, or are written there."""
    pictures = clip(open_model_folder(options.model).manifest.size)
    found = predictions_of(contestant, pictures)
    result: dict[str, Any] = {"contestant": options.contestant, "precision": precision, "device": contestant.device}
    if options.contestant == REFERENCE:
        np.save(folder / PREDICTIONS, found)
        psnr = None
    else:
        psnr = agreement_db(found, np.load(folder / PREDICTIONS, allow_pickle=False))
    result["psnr_db"] = psnr
    if psnr is not None and not psnr >= DECIBELS[precision]:
        return {**result, "error": f"{psnr:.1f} dB, at least {DECIBELS[precision]:.0f} required; no speed is reported"}
    times = latency_ms(contestant, pictures, options.frames)
    result |= {"latency_ms": {**vars(latency_of([times])), "samples": times}}
    if contestant.takes_batches and options.batch > 1:
        result["batch"], result["frames_per_s"] = options.batch, frames_per_s(contestant, pictures, options.batch)
    reference = folder / f"{REFERENCE}.json"
    if reference.exists():
        known = json.loads(reference.read_text(encoding="utf-8"))["latency_ms"]["p50"]
        result["times_faster_than_reference"] = known / result["latency_ms"]["p50"]
    return result


def described(result: dict[str, Any]) -> str:
    """One line for people."""
    if "error" in result:
        return f"{result['contestant']}: {result['error']}"
    latency, psnr = result["latency_ms"], result["psnr_db"]
    return (
        f"{result['contestant']:<22} p50 {latency['p50']:.3f}  p90 {latency['p90']:.3f}  p99 {latency['p99']:.3f} ms"
        + (f", {result['times_faster_than_reference']:.2f} × the reference" if psnr is not None else "")
        + (f", {result['frames_per_s']:.0f} frames/s in batches of {result['batch']}" if "batch" in result else "")
        + ("" if psnr is None else f", {psnr:.1f} dB")
    )


def main() -> None:
    """Measures one contestant and writes FOLDER/NAME.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestant")
    parser.add_argument("-m", "--model", required=True, help="a model folder of stand-in weights")
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--batch", type=int, default=32, help="frames of a batch; 1 for none")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the results of all contestants")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        (entry,) = choose([options.contestant])
        spec = spec_of(options.model)
        if problem := entry.why_unavailable(spec):
            raise SystemExit(f"{entry.name}: {problem}")
        contestant = entry.open(spec)
        result = measure(contestant, entry.precision, options.output, options)
        contestant.close()
    except FommError as error:
        raise SystemExit(f"error: {error}") from error
    except FileNotFoundError as error:
        raise SystemExit(f"{error.filename}: missing; measure {REFERENCE} first") from error
    text = json.dumps(result, indent=2) + "\n"
    (options.output / f"{options.contestant}.json").write_text(text, encoding="utf-8")
    print(described(result))
    raise SystemExit(1 if "error" in result else 0)


if __name__ == "__main__":
    main()
