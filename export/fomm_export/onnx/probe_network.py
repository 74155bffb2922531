"""Makes the small network that `fomm-rt doctor` times: `fomm_rt/backends/onnxruntime/probe.onnx`."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fomm_export.onnx.tracing import OPSET

CHANNELS = 64
SIDE = 64


def probe_network() -> onnx.ModelProto:
    """A 3×3 convolution of 64 channels on 64×64 pixels; a constant fills the weights, which keeps the file tiny."""
    shape = numpy_helper.from_array(np.array([CHANNELS, CHANNELS, 3, 3], np.int64), "shape")
    value = numpy_helper.from_array(np.array([0.01], np.float32))
    picture = [1, CHANNELS, SIDE, SIDE]
    graph = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["weight"], value=value),
            helper.make_node("Conv", ["x", "weight"], ["y"], pads=[1, 1, 1, 1]),
        ],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, picture)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, picture)],
        [shape],
    )
    model = helper.make_model(graph, producer_name="fomm_export", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 10  # every supported ONNX Runtime reads it
    onnx.checker.check_model(model, full_check=True)
    return model
