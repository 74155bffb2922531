"""The precision of each trunk.

fp16   half-precision convolutions, except in the keypoint detector, which is float32
fp32   float32 throughout

The detector's softmax magnifies the rounding errors of half-precision logits, mostly from the first convolution, to a
quarter or two fifths of a pixel. Keeping only parts of the detector in float32 did not bring keypoints within 0.05
pixel on both models measured (`benchmarks/studies/half_trunks.py`). TF32 has the same mantissa as half and loses as
much, so engines are built without it. The detector is 3 % of a frame's multiply-accumulates. The other trunks lose
nothing that matters.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from fomm_build.half_graph import HalfGraph, to_half
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.model.precision import ENGINE_PRECISIONS

FP16, FP32 = ENGINE_PRECISIONS

FLOAT32_TRUNKS = frozenset({"keypoint_detector"})
"""Trunks that compute in float32 at any precision."""


def trunks_in(precision: str, trunks: Mapping[str, onnx.ModelProto]) -> dict[str, HalfGraph]:
    """Converts the trunks of `cut_trunks` to one of ENGINE_PRECISIONS.

    At fp16 their inputs and outputs are float16, except the tensors in `frame_pipeline.FLOAT32`.
    """
    return {
        name: HalfGraph(trunk, {}) if precision == FP32 or name in FLOAT32_TRUNKS else to_half(trunk, (), FLOAT32)
        for name, trunk in trunks.items()
    }
