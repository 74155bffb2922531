"""Whole engines as a contestant, with a fake TensorRT and a fake device, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from fakes.device import FakeDevice
from fakes.tensorrt import GENERATIONS, FakeMachine, fake_module
from fomm_bench.contestants.graph_contestant import GraphContestant
from fomm_bench.contestants.registry import entries
from fomm_bench.contestants.whole_engines import load_whole_engines
from fomm_build.whole_graphs import portable_graphs
from fomm_rt import Animator
from fomm_rt.backends.tensorrt.library import TensorRT, tensorrt_logger
from fomm_rt.engines.manifest import EngineEntry, EngineTensor
from fomm_rt.errors import EngineError
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.manifest import NETWORKS, Manifest, NetworkFile, TensorSpec
from golden_files import Golden

GOLDEN = Golden("small_aligned")


class WholeShape:
    """Inputs and outputs of whole engines, for the fake TensorRT."""

    def __init__(self, manifest: Manifest) -> None:
        self._networks = manifest.networks

    def trunk_tensors(self, network: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        file = self._networks[network]
        return tuple(spec.name for spec in file.inputs), tuple(spec.name for spec in file.outputs)

    def tensor_shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        specs = [spec for file in self._networks.values() for spec in (*file.inputs, *file.outputs)]
        return {spec.name: (batch, *(int(size) for size in spec.shape[1:])) for spec in specs}


class Folder:
    """Whole engines of a model, in memory."""

    def __init__(self, manifest: Manifest) -> None:
        engines = {name: self._file(manifest.networks[name]) for name in NETWORKS}
        self.path = Path("folder")
        self.manifest = type("Engines", (), {"engines": engines})

    def read(self, name: str) -> bytes:
        return name.encode()

    def _file(self, network: NetworkFile) -> EngineEntry:
        return EngineEntry("", 0, "", 0.0, self._tensors(network.inputs), self._tensors(network.outputs))

    def _tensors(self, specs: tuple[TensorSpec, ...]) -> tuple[EngineTensor, ...]:
        return tuple(EngineTensor(spec.name, spec.dtype, (1, *spec.shape[1:]), "linear") for spec in specs)


def open_fake(small_model: Path, generation: str = "11") -> tuple[GraphContestant, FakeMachine]:
    model = open_model_folder(small_model)
    machine = FakeMachine(cast(FrameShape, WholeShape(model.manifest)), portable_graphs(model))
    machine.device, machine.generation = FakeDevice(), generation
    tensorrt_logger.cache_clear()
    rtx = generation == "rtx"
    library = TensorRT("tensorrt-rtx" if rtx else "tensorrt", "11.4", fake_module(machine, rtx=rtx))
    with machine.device.current():
        run = load_whole_engines(library, machine.device, cast(Any, Folder(model.manifest)))
    return GraphContestant(run, "fake", relative=True), machine


@pytest.mark.parametrize("generation", GENERATIONS)
def test_agrees_with_onnx_runtime(small_model: Path, generation: str) -> None:
    chain, machine = open_fake(small_model, generation)
    chain.set_source(GOLDEN.source)
    assert machine.device is not None
    with Animator.load(small_model, "onnxruntime-cpu", adapt_scale=False) as animator:
        animator.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(chain.animate(frame).astype(int) - animator.animate(frame)).max() <= 1
        allocations = machine.device.allocations
        chain.animate(GOLDEN.driving[0])
    assert machine.device.allocations == allocations, "buffers are allocated once"


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("deserialize_cuda_engine", "loading the keypoint_detector engine"),
        ("set_input_shape", "giving the keypoint_detector engine .* for one frame"),
        ("set_tensor_address", "giving the keypoint_detector engine its arrays"),
    ],
)
def test_reports_what_tensorrt_refuses(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, refused: str, words: str
) -> None:
    made = FakeMachine.__init__

    def refusing(self: FakeMachine, *arguments: Any) -> None:
        made(self, *arguments)
        self.refuses.add(refused)

    monkeypatch.setattr(FakeMachine, "__init__", refusing)
    with pytest.raises(EngineError, match=rf"{words} failed: .*{refused} is refused"):
        open_fake(small_model)


def test_needs_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: False)
    found = {entry.name: entry for entry in entries()}
    for name in ("tensorrt-whole", "tensorrt-rtx-whole"):
        assert "no NVIDIA driver" in str(found[name].why_unavailable(cast(Any, None)))
        assert found[name].on_gpu
