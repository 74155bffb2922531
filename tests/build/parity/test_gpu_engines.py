"""Freshly built engines in the parity check, on a fake TensorRT and a fake device."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes.device import FakeDevice
from fakes.engine_sets import manifest_of
from fakes.tensorrt import GENERATIONS, FakeMachine, TensorFormat, fake_module
from fomm_build.builder import BuiltEngine
from fomm_build.half_graph import HalfGraph
from fomm_build.parity.gpu_engines import GpuEngines
from fomm_build.parity.host_pipeline import OnnxTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.library import TensorRT, tensorrt_logger
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import EngineTensor
from fomm_rt.errors import EngineError
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape


class Freshly:
    """Freshly built engines of a model's trunks."""

    def __init__(self, model: ModelFolder, half: bool, generation: str) -> None:
        self.shape = FrameShape.of(model.manifest)
        self.trunks = cut_trunks(model)
        self.machine = FakeMachine(self.shape, self.trunks)
        self.machine.half, self.machine.generation = half, generation
        self.machine.format = TensorFormat.HWC8 if half else TensorFormat.LINEAR
        self.machine.device = self.device = FakeDevice()
        rtx = generation == "rtx"
        library = TensorRT("tensorrt-rtx" if rtx else "tensorrt", "11.4", fake_module(self.machine, rtx=rtx))
        tensorrt_logger.cache_clear()
        built = {}
        for name in TRUNKS:
            inputs, outputs = map(self._tensors, self.shape.trunk_tensors(name))
            built[name] = BuiltEngine(name.encode(), "", 0.0, inputs, outputs, (), ())
        graphs = {name: HalfGraph(graph, {}) for name, graph in self.trunks.items()}

        def rebuild(_name: str, _graph: object) -> BuiltEngine:
            raise AssertionError("no layer is asked for")

        manifest = replace(manifest_of(), engines={name: engine.entry for name, engine in built.items()})
        engine_set = EngineSet(model.path, manifest, lambda name: built[name].content)
        self.engines = GpuEngines(EngineLoader(library, engine_set), self.device, graphs, rebuild)

    def _tensors(self, names: tuple[str, ...]) -> tuple[EngineTensor, ...]:
        return tuple(
            EngineTensor(
                name,
                "float16" if self.machine.is_half(name) else "float32",
                self.shape.tensor_shapes(1)[name],
                self.machine.format.name.lower() if self.machine.is_half(name) else "linear",
            )
            for name in names
        )


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("half", [False, True])
def test_engines_are_run(small_model: Path, half: bool, generation: str) -> None:
    freshly = Freshly(open_model_folder(small_model), half, generation)
    rng = np.random.default_rng(0)
    sizes = freshly.shape.tensor_shapes(1)
    for name in TRUNKS:
        inputs, outputs = freshly.shape.trunk_tensors(name)
        given = {tensor: rng.normal(0, 1, sizes[tensor]).astype(np.float32) for tensor in inputs}
        rounded = {
            tensor: array.astype(np.float16) if half and tensor not in FLOAT32 else array
            for tensor, array in given.items()
        }
        expected = {tensor: np.empty(sizes[tensor], np.float32) for tensor in outputs}
        OnnxTrunks(freshly.trunks).run(name, rounded, expected)
        freshly.engines.run(name, {tensor: array + 1 for tensor, array in given.items()})
        found = freshly.engines.run(name, given)
        assert set(found) == set(outputs)
        for tensor, array in found.items():
            assert np.allclose(array, expected[tensor], rtol=2e-3 if half else 0, atol=2e-3 if half else 0), tensor
    assert freshly.machine.deserialized == [name.encode() for name in TRUNKS], "each is loaded once"
    assert len(freshly.machine.contexts) == len(TRUNKS)
    freshly.engines.close()
    gc.collect()
    assert not freshly.device.arrays


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("deserialize_cuda_engine", "loading the generator engine failed: .*deserialize_cuda_engine is refused"),
        (
            "create_execution_context",
            "making room for the generator engine .*create_execution_context is refused",
        ),
        ("set_input_shape", "for one frame failed: .*set_input_shape is refused"),
        ("execute_async_v3", "running the generator engine failed: .*execute_async_v3 is refused"),
    ],
)
def test_refusals_of_tensorrt(small_model: Path, refused: str, words: str) -> None:
    freshly = Freshly(open_model_folder(small_model), half=False, generation="11")
    freshly.machine.refuses.add(refused)
    inputs, _ = freshly.shape.trunk_tensors("generator")
    given = {name: np.zeros(freshly.shape.tensor_shapes(1)[name], np.float32) for name in inputs}
    with pytest.raises(EngineError, match=words):
        freshly.engines.run("generator", given)
