"""Fake engines of half precision: ONNX Runtime on a CPU, rounding as an engine would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from typing_extensions import override

from fomm_build.half_graph import HalfGraph
from fomm_build.parity.engine_parity import Candidate
from fomm_build.parity.reference import marked_outputs, with_outputs
from fomm_build.parity.simulation import simulated
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.model.graph_chain import HostTensors


class FakeHalfEngines(Candidate):
    """Engines for the parity check."""

    def __init__(self, graphs: Mapping[str, HalfGraph]) -> None:
        self._models = {name: graph.model for name, graph in graphs.items()}

    @override
    def run(self, engine: str, inputs: HostTensors) -> dict[str, NDArray[Any]]:
        return run_session(with_outputs(simulated(self._models[engine]), ()), inputs)

    @override
    def inner(self, engine: str, names: Sequence[str], inputs: HostTensors) -> dict[str, NDArray[Any]]:
        return run_session(with_outputs(simulated(marked_outputs(self._models[engine], names)), ()), inputs)


def spoilt(graph: HalfGraph, weight: str, factor: float) -> HalfGraph:
    """Returns the graph with one of its weights multiplied."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == weight]
    array = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array((array * factor).astype(array.dtype, casting="same_kind"), weight))
    assert np.isfinite(array).all()
    return HalfGraph(model, graph.kept)
