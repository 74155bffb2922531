"""Frames and table of the `half_*` studies: what half precision costs whole frames against float32.

Frames are made from a moved picture and animated in absolute motion.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fomm_bench.results.agreement import psnr
from fomm_bench.results.command_line import script_command
from fomm_rt.backends.gpu.frame_pipeline import FramePipeline, transfer_rows
from fomm_rt.bundled import open_bundled_model
from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.motion.transfer import ABSOLUTE

Touch = Callable[[Mapping[str, NDArray[Any]]], None]
"""Changes named tensors in place between the steps of a frame."""


class Frame(NamedTuple):
    """Keypoints (K, 6) float32, values before jacobians, and prediction (3, size, size) in [0, 1]."""

    keypoints: NDArray[np.float32]
    prediction: NDArray[np.float32]


class Request(NamedTuple):
    """A parsed command line: the model, and the file for the figures."""

    model: ModelFolder
    output: Path | None


def parse_request(description: str) -> Request:
    """Parses the command line `[MODEL] [-o FILE]`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", type=Path, nargs="?", help="model folder; the bundled model by default")
    parser.add_argument("-o", "--output", type=Path, help="write the figures here as JSON")
    arguments = parser.parse_args()
    return Request(open_model_folder(arguments.model) if arguments.model else open_bundled_model(), arguments.output)


def animate(frame: FramePipeline, pictures: list[Image], touch: Touch | None = None) -> list[Frame]:
    """Animates the first picture by all pictures; a prediction of a model with blend mask is what its decoder gives.

    Args:
        frame: Computes the frames.
        pictures: (size, size, 3) uint8 each.
        touch: Called with "keypoints" and "source_image" (the source at a quarter of the size) once the source is
            prepared, and with "keypoints" after every detection.
    """
    square = Region.square(frame.shape.size)
    _, (prediction,) = frame.shape.trunk_tensors("generator")
    source = frame.prepare_source(pictures[0][None], square)
    if touch:
        touch({"keypoints": source.keypoints, "source_image": source.quarter})
    results = []
    for picture in pictures:
        frame.detect(picture[None], square)
        if touch:
            touch({"keypoints": frame.keypoints})
        frame.animate(source, transfer_rows(ABSOLUTE, frame.shape.num_kp))
        results.append(Frame(frame.keypoints[0].copy(), frame.tensors[prediction][0].astype(np.float32)))
    return results


def report(request: Request, heading: str, expected: list[Frame], ways: Iterable[tuple[str, list[Frame]]]) -> None:
    """Prints one row per way of using half precision and writes the figures to the requested file.

    Args:
        request: The parsed command line.
        heading: Says what is in half precision.
        expected: Frames in float32.
        ways: Name and frames of each way, computed lazily.
    """
    name, size = request.model.manifest.name, request.model.manifest.size
    print(f"{name}, {size}×{size}, absolute motion, {len(expected)} frames of a moved picture, against float32")
    print(f"{heading:56} {'keypoints, pixels':>18} {'prediction, dB':>15}")
    rows = {}
    for what, found in ways:
        pixels, psnr_db = cost(found, expected, size)
        rows[what] = {"keypoints_pixels": pixels, "prediction_psnr_db": psnr_db}
        print(f"{what:56} {pixels:18.4f} {'identical' if psnr_db is None else f'{psnr_db:.1f}':>15}", flush=True)
    if request.output:
        result = {
            "command": script_command(),
            "model": name,
            "identity": request.model.manifest.weights.identity,
            "size": size,
            "mode": "absolute",
            "frames": len(expected),
            heading.replace(" ", "_"): rows,
        }
        request.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def cost(found: list[Frame], expected: list[Frame], size: int) -> tuple[float, float | None]:
    """Returns the largest keypoint error in pixels and the smallest PSNR in dB, None if predictions are equal."""
    pairs = list(zip(found, expected, strict=True))
    moved = [np.linalg.norm(a.keypoints[:, :2] - b.keypoints[:, :2], axis=1).max() for a, b in pairs]
    errors = [np.square(255 * (a.prediction.astype(np.float64) - b.prediction)).mean() for a, b in pairs]
    return float(max(moved)) * (size - 1) / 2, psnr(float(max(errors)))
