"""Measures the cost of a half-precision grid, which TensorRT's GridSample requires beside half-precision features.

Runs the exported graphs in float32 on ONNX Runtime's CPU provider in absolute motion, the generator twice: with its
sampling grid in float32 and rounded to half. Reports how far the sampled positions move, in pixels of the frame and of
the features, and what the prediction loses. Only the grid is rounded.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from fomm_bench.results.agreement import psnr
from fomm_bench.results.command_line import script_command
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.bundled import open_bundled_model
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.graph_chain import GraphChain, HostTensors, frame_tensor
from fomm_rt.model.parity_picture import parity_frames

GRID = "sampled_grid"


def sampling_along(generator: onnx.ModelProto, half: bool) -> onnx.ModelProto:
    """Adds the sampling grid to the generator's outputs, (N, h, w, 2) float32, and rounds it to half if asked to."""
    model = onnx.ModelProto()
    model.CopyFrom(generator)
    graph = model.graph
    (sampling,) = (node for node in graph.node if node.op_type == "GridSample")
    steps = [("Cast", TensorProto.FLOAT16), ("Cast", TensorProto.FLOAT)] if half else [("Identity", None)]
    tensor, index = sampling.input[1], list(graph.node).index(sampling)
    for number, (operator, dtype) in enumerate(steps):
        name = GRID if number == len(steps) - 1 else "half_grid"
        attributes: dict[str, Any] = {} if dtype is None else {"to": dtype}
        graph.node.insert(index + number, helper.make_node(operator, [tensor], [name], **attributes))
        tensor = name
    sampling.input[1] = tensor
    graph.output.append(helper.make_tensor_value_info(GRID, TensorProto.FLOAT, ("batch", "h", "w", 2)))
    return model


def predictions(model: ModelFolder) -> Iterator[tuple[HostTensors, HostTensors]]:
    """Yields grid and prediction of every parity frame, first with the float32 grid, then with the rounded one."""

    def session(graph: bytes) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    names = ("keypoint_detector", "source_encoder", "dense_motion")
    networks = {name: session(model.read(name)) for name in names}
    generator = onnx.load_model_from_string(model.read("generator"))
    exact, rounded = (session(sampling_along(generator, half).SerializeToString()) for half in (False, True))
    chain = GraphChain(lambda name, values: run_session(networks[name], values))
    frames = [frame_tensor(picture) for picture in parity_frames(model.manifest.size)]
    source = chain.prepare(frames[0])
    for frame in frames:
        moved = chain.move(source, chain.detect(frame))
        yield run_session(exact, moved), run_session(rounded, moved)


def cost(model: ModelFolder) -> dict[str, Any]:
    """Compares half grids with float32 ones, over all positions inside the frame, and their predictions."""
    manifest = model.manifest
    pairs = list(predictions(model))
    side = pairs[0][0][GRID].shape[1]
    moved = np.concatenate(
        [
            np.linalg.norm(rounded[GRID].astype(np.float64) - exact[GRID], axis=-1)[np.abs(exact[GRID]).max(-1) <= 1]
            for exact, rounded in pairs
        ]
    )
    differences = np.stack([rounded["prediction"].astype(np.float64) - exact["prediction"] for exact, rounded in pairs])
    error = float(np.square(differences).mean())

    def pixels(size: int) -> dict[str, float]:
        scale = (size - manifest.align_corners) / 2
        return {"max": float(moved.max()) * scale, "mean": float(moved.mean()) * scale}

    return {
        "model": manifest.name,
        "weights": manifest.weights.describe(),
        "identity": manifest.weights.identity,
        "size": manifest.size,
        "features_size": side,
        "frames": len(pairs),
        "position_frame_pixels": pixels(manifest.size),
        "position_feature_pixels": pixels(side),
        "prediction_levels_max": float(255 * np.abs(differences).max()),
        "prediction_psnr_db": psnr(255**2 * error),
    }


def main() -> None:
    """Prints one row per model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, nargs="*", help="model folders; the bundled model by default")
    parser.add_argument("-o", "--output", type=Path, help="write the figures here as JSON")
    arguments = parser.parse_args()
    models = [open_model_folder(path) for path in arguments.models] or [open_bundled_model()]
    print("half-precision grid against float32, absolute motion, three frames of a moved picture")
    print(f"{'model':24} {'size':>5} {'position, pixels: max':>22} {'mean':>7} {'prediction, levels':>19} {'dB':>6}")
    rows = []
    for model in models:
        row = cost(model)
        rows.append(row)
        position = row["position_frame_pixels"]
        print(
            f"{row['model']:24} {row['size']:5} {position['max']:22.4f} {position['mean']:7.4f} "
            f"{row['prediction_levels_max']:19.2f} {row['prediction_psnr_db'] or np.inf:6.1f}"
        )
    if arguments.output:
        arguments.output.write_text(
            json.dumps({"command": script_command(), "half_grid": rows}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
