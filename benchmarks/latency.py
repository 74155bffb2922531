"""Per-frame latency of the runtime against the PyTorch networks run as published.

    python benchmarks/latency.py [--config vox-256] [--rounds 16] [--frames 3] [--json FILE]

Both get the same driving frames and stand-in weights. "As published" runs keypoint detector and generator in
eager float32 with the source's encoder in every frame; the runtime takes uint8 pictures in and out, the source
prepared once. Each contestant has a process of its own. Rounds alternate between them, so that a change in the
machine's speed hits both, and what is reported is the ratio of the medians of each round. No speed is reported
unless the pictures agree.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from demo_media import demo_clip, demo_picture
from fomm_rt.framing import Framing, Image, resample
from fomm_rt.media.pictures import read_picture
from fomm_rt.media.video_reader import VideoReader

SEED = 7
WARMUP_FRAMES = 3
CLIP_FRAMES = 24
ALLOWED_LEVELS = 1
"""Of the uint8 pictures: the same number may round either way."""

TARGET_RATIO = 0.70
"""Of the runtime's time to PyTorch's, for vox-256 on two CPU cores."""

Animate = Callable[[Image], Image]


def pytorch_as_published(_model: Path, config: str, source: Image) -> Animate:
    """Eager float32, encoder in every frame, relative motion without scale."""
    import torch

    from fomm_export.configuration import load_configuration
    from fomm_export.keypoint_detector import Keypoints
    from fomm_export.networks import build_networks
    from fomm_export.stand_in import stand_in_weights

    configuration = load_configuration(config)
    networks = build_networks(configuration, *stand_in_weights(configuration, SEED))

    def tensor(image: Image) -> torch.Tensor:
        return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255

    first: list[Keypoints] = []
    source_image = tensor(source)
    with torch.inference_mode():
        kp_source = networks.kp_detector(source_image)

    def animate(frame: Image) -> Image:
        with torch.inference_mode():
            kp_driving = networks.kp_detector(tensor(frame))
            first[:] = first or [kp_driving]
            value = kp_driving.value - first[0].value + kp_source.value
            jacobian = None
            if kp_driving.jacobian is not None and first[0].jacobian is not None:
                jacobian = kp_driving.jacobian @ torch.inverse(first[0].jacobian) @ kp_source.jacobian
            prediction = networks.generator(source_image, kp_source, Keypoints(value, jacobian))
            return np.asarray((prediction[0].permute(1, 2, 0) * 255).round().numpy(), np.uint8)

    return animate


def fomm_rt_cpu(model: Path, _config: str, source: Image) -> Animate:
    """The runtime on ONNX Runtime's CPU provider, relative motion without scale."""
    from fomm_rt.animator import Animator

    animator = Animator.load(model, "onnxruntime-cpu", relative=True, adapt_scale=False)
    animator.set_source(source)
    return animator.animate


CONTESTANTS = {"pytorch": pytorch_as_published, "fomm-rt": fomm_rt_cpu}


def serve(name: str, model: Path, config: str, connection: Connection) -> None:
    """A contestant's process: animates the frames it is sent, answers pictures and milliseconds."""
    source = connection.recv()
    animate = CONTESTANTS[name](model, config, source)
    while (frames := connection.recv()) is not None:
        pictures, latencies = [], []
        for frame in frames:
            start = perf_counter()
            pictures.append(animate(frame))
            latencies.append((perf_counter() - start) * 1e3)
        connection.send((pictures, latencies))


@contextmanager
def contestant(name: str, model: Path, config: str, source: Image) -> Iterator[Connection]:
    """Starts a contestant and ends it."""
    context = multiprocessing.get_context("spawn")
    connection, theirs = context.Pipe()
    process = context.Process(target=serve, args=(name, model, config, theirs), daemon=True)
    process.start()
    theirs.close()
    connection.send(source)
    try:
        yield connection
    finally:
        if process.is_alive():
            connection.send(None)
        process.join()


def run_round(connection: Connection, frames: list[Image]) -> tuple[list[Image], list[float]]:
    """Sends frames to a contestant and waits for its pictures and latencies in milliseconds."""
    connection.send(frames)
    answer: tuple[list[Image], list[float]] = connection.recv()
    return answer


def demo_frames(size: int) -> tuple[Image, list[Image]]:
    """The demo's source and the first driving frames, each (size, size, 3) uint8."""

    def square(image: Image) -> Image:
        return resample(image, Framing().region(*image.shape[:2]), size).copy()

    with VideoReader(demo_clip()) as reader:
        frames = [square(frame.pixels) for frame, _ in zip(reader, range(CLIP_FRAMES), strict=False)]
    return square(read_picture(demo_picture())), frames


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="vox-256", help="architecture, by name or YAML")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--frames", type=int, default=3, help="frames of each contestant in a round")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()

    from fomm_export.export_model import export_stand_in

    with tempfile.TemporaryDirectory(prefix="fomm-rt-latency-") as folder:
        model = export_stand_in(Path(folder) / "model", config=options.config, seed=SEED)
        source, frames = demo_frames(model.manifest.size)
        with (
            contestant("pytorch", model.path, options.config, source) as pytorch,
            contestant("fomm-rt", model.path, options.config, source) as fomm_rt,
        ):
            contestants = {"pytorch": pytorch, "fomm-rt": fomm_rt}
            warm = {name: run_round(c, frames[:WARMUP_FRAMES])[0] for name, c in contestants.items()}
            levels = max(
                int(np.abs(a.astype(int) - b.astype(int)).max())
                for a, b in zip(warm["pytorch"], warm["fomm-rt"], strict=True)
            )
            if levels > ALLOWED_LEVELS:
                raise SystemExit(f"the pictures differ by {levels} levels; no speed is reported")
            rounds: list[dict[str, list[float]]] = []
            for i in range(options.rounds):
                chosen = [frames[(i * options.frames + j) % len(frames)] for j in range(options.frames)]
                rounds.append({name: run_round(c, chosen)[1] for name, c in contestants.items()})
    report(options, levels, rounds)


def report(options: argparse.Namespace, levels: int, rounds: list[dict[str, list[float]]]) -> None:
    """Prints the table and writes the JSON file."""
    cores = len(os.sched_getaffinity(0))
    print(f"{options.config}, {options.rounds} rounds of {options.frames} frames, {cores} CPU cores")
    print(f"largest difference of the uint8 pictures: {levels} level")
    figures: dict[str, Any] = {}
    for name in CONTESTANTS:
        latencies = [latency for r in rounds for latency in r[name]]
        ratios = [statistics.median(r[name]) / statistics.median(r["pytorch"]) for r in rounds]
        figures[name] = {
            "latency_ms": latencies,
            "p50_ms": float(np.percentile(latencies, 50)),
            "p90_ms": float(np.percentile(latencies, 90)),
            "fps": 1e3 * len(latencies) / sum(latencies),
            "ratio_median": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
        f = figures[name]
        print(
            f"{name:<10} p50 {f['p50_ms']:7.1f} ms  p90 {f['p90_ms']:7.1f} ms  {f['fps']:5.1f} fps  "
            f"time ratio to pytorch {f['ratio_median']:.2f} ({f['ratio_min']:.2f} to {f['ratio_max']:.2f} over rounds)"
        )
    met = "met" if figures["fomm-rt"]["ratio_median"] <= TARGET_RATIO else "NOT met"
    print(f"target: at most {TARGET_RATIO:.2f} of the time of pytorch: {met}")
    if options.json:
        document = {
            "benchmark": "latency",
            "config": options.config,
            "processor": platform.processor(),
            "cores": cores,
            "python": platform.python_version(),
            "largest_difference_levels": levels,
            "contestants": figures,
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
