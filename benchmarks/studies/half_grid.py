"""What a grid in half precision costs, which TensorRT's native GridSample wants beside features in half precision.

Runs the exported graphs in float32 on ONNX Runtime's CPU provider, the generator twice: the grid that it samples the
source's features along as it is, and rounded to half. Says how far sampled positions move, in pixels of the frame and
of the features, and what the prediction loses, in absolute motion. Only the grid is rounded, where it is sampled.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from fomm_bench.results.agreement import psnr
from fomm_bench.results.command_line import script_command
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.bundled import open_bundled_model
from fomm_rt.image import Image
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.graph_chain import GraphChain, HostTensors, frame_tensor
from fomm_rt.model.parity_picture import parity_frames

GRID = "sampled_grid"


def sampling_along(generator: onnx.ModelProto, half: bool) -> onnx.ModelProto:
    """The generator with its grid as an output, (N, h, w, 2) float32, rounded to half first if wanted."""
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


class BothGrids:
    """The graphs of a model one after another, the generator twice: along float32 and along half."""

    def __init__(self, model: ModelFolder) -> None:
        names = ("keypoint_detector", "source_encoder", "dense_motion")
        graphs: dict[str, Any] = {name: str(model.network_path(name)) for name in names}
        generator = onnx.load(model.network_path("generator"))
        for half in (False, True):
            graphs[generator_name(half)] = sampling_along(generator, half).SerializeToString()
        self.sessions = {
            name: onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
            for name, graph in graphs.items()
        }

    def run(self, name: str, values: HostTensors) -> HostTensors:
        """What a graph makes of those tensors that it takes."""
        return run_session(self.sessions[name], values)

    def predictions(self, pictures: list[Image]) -> list[tuple[HostTensors, HostTensors]]:
        """Grid and prediction of every picture, the first being the source as well: along float32 and along half."""
        chain = GraphChain(self.run)
        frames = [frame_tensor(picture) for picture in pictures]
        source = chain.prepare(frames[0])
        moved = [chain.move(source, chain.detect(frame)) for frame in frames]
        return [(self.run(generator_name(False), values), self.run(generator_name(True), values)) for values in moved]


def generator_name(half: bool) -> str:
    """Of the generator among the sessions."""
    return f"generator, {'half' if half else 'float32'} grid"


def cost(model: ModelFolder) -> dict[str, Any]:
    """How far half grids are from float32 ones, over all positions within the picture, and their predictions."""
    manifest = model.manifest
    pairs = BothGrids(model).predictions(parity_frames(manifest.size))
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
    """Prints one row a model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, nargs="*", help="model folders; the bundled model by default")
    parser.add_argument("-o", "--output", type=Path, help="write the figures here as JSON")
    arguments = parser.parse_args()
    models = [open_model_folder(path) for path in arguments.models] or [open_bundled_model()]
    print("a grid in half precision against float32, absolute motion of three frames of a moved picture")
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
