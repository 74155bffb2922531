"""Which trunk computes in which precision.

fp16   convolutions in half precision, but for the keypoint detector, which is float32 throughout
fp32   float32 throughout

The detector's softmax magnifies what half precision loses of its logits, above all in the first convolution, to a
quarter or two fifths of a pixel. None of the smaller parts of it that were tried in float32 keeps keypoints within 0.05
pixel on both models measured (`benchmarks/studies/half_trunks.py`). TF32, whose mantissa is half's, loses as much, so
engines are built without it. The detector is 3 % of a frame's multiply-accumulates; all else loses nothing that
matters.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from fomm_build.half_graph import HalfGraph, to_half
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.model.precision import ENGINE_PRECISIONS

FP16, FP32 = ENGINE_PRECISIONS

FLOAT32_TRUNKS = frozenset({"keypoint_detector"})
"""Trunks that compute in float32 whatever the precision."""


def trunks_in(precision: str, trunks: Mapping[str, onnx.ModelProto]) -> dict[str, HalfGraph]:
    """The trunks of `fomm_build.trunks.cut_trunks` in one of ENGINE_PRECISIONS.

    What they take and give is float16 at fp16, but for the tensors of `split_frame.FLOAT32`.
    """
    return {
        name: HalfGraph(trunk, {}) if precision == FP32 or name in FLOAT32_TRUNKS else to_half(trunk, (), FLOAT32)
        for name, trunk in trunks.items()
    }
