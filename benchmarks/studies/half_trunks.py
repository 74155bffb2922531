"""Measures which convolutions may run in half precision.

Runs the kernel path on a CPU (`fomm_build.parity.host_pipeline`). Tensors between kernels and trunks are stored in half
where engines do so, and trunks are rounded as half precision would round them (`fomm_build.parity.simulation`). Reports
how far keypoints move and what the prediction loses in absolute motion, against float32 throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from half_frames import animate, parse_request, report

from fomm_build.half_graph import to_half
from fomm_build.parity.host_pipeline import host_pipeline
from fomm_build.parity.simulation import simulated
from fomm_build.trunks import cut_trunks
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.model.parity_picture import parity_frames

Trunks = Mapping[str, onnx.ModelProto]

DETECTOR = "keypoint_detector"
CONVOLUTIONS = 11
"""Number of convolutions in the detector."""


def half(trunk: onnx.ModelProto, first: int = 0, last: int = 0, tf32: bool = False) -> onnx.ModelProto:
    """Simulates a trunk in half precision, except for some of its first and last convolutions.

    Args:
        trunk: In float32.
        first, last: Number of convolutions, each with the operators after it, that stay float32.
        tf32: True if those use TF32.
    """
    nodes = trunk.graph.node
    starts = [index for index, node in enumerate(nodes) if node.op_type in ("Conv", "ConvTranspose")]
    # The concatenation of a skip connection belongs to the convolution that reads it.
    starts = [index - (nodes[index - 1].op_type == "Concat") for index in starts] + [len(nodes)]
    islands = [node.output[0] for node in (*nodes[: starts[first]], *nodes[starts[-1 - last] :])]
    return simulated(to_half(trunk, islands, FLOAT32).model, tf32)


def arrangements(trunks: Trunks) -> dict[str, Callable[[], Trunks]]:
    """Name of each arrangement -> makes its trunks that are not float32."""
    detector = trunks[DETECTOR]
    others = [name for name in trunks if name != DETECTOR]
    return {
        "storage between kernels and trunks": dict,
        **{name: lambda name=name: {name: half(trunks[name])} for name in others},  # type: ignore[misc]
        "keypoint_detector": lambda: {DETECTOR: half(detector)},
        "keypoint_detector but its head": lambda: {DETECTOR: half(detector, last=1)},
        "keypoint_detector but its first convolution and head": lambda: {DETECTOR: half(detector, 1, 1)},
        "keypoint_detector but 3 first and 3 last convolutions": lambda: {DETECTOR: half(detector, 3, 3)},
        "keypoint_detector but 3 first and 5 last convolutions": lambda: {DETECTOR: half(detector, 3, 5)},
        "keypoint_detector, in TF32 instead": lambda: {DETECTOR: half(detector, last=CONVOLUTIONS, tf32=True)},
        "all": lambda: {name: half(trunk) for name, trunk in trunks.items()},
        "all but keypoint_detector: fp16 of engines": lambda: {name: half(trunks[name]) for name in others},
    }


def main() -> None:
    """Prints one row per arrangement."""
    request = parse_request(__doc__.split("\n")[0])
    trunks = cut_trunks(request.model)
    pictures = parity_frames(request.model.manifest.size)
    ways = (
        (what, animate(host_pipeline(request.model, np.float16, trunks={**trunks, **changed()}), pictures))
        for what, changed in arrangements(trunks).items()
    )
    report(request, "in half precision", animate(host_pipeline(request.model, trunks=trunks), pictures), ways)


if __name__ == "__main__":
    main()
