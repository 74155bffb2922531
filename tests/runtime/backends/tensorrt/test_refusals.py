"""Engines that are missing, do not fit or are refused."""

from __future__ import annotations

import pytest

from fakes.tensorrt_machine import World
from fomm_rt.errors import EngineError
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def test_no_engines(world: World) -> None:
    with pytest.raises(EngineError) as caught:
        world.load(precision=None)
    message = str(caught.value)
    assert message.startswith(f"{world.store.folder}: expected engines of ")
    assert "none have been built here" in message
    assert message.endswith(f"Build them: fomm-rt build {world.model.path} --backend tensorrt")
    with pytest.raises(EngineError, match=r"--backend tensorrt --precision fp32$"):
        world.load()
    assert not world.devices, "the GPU is not touched"


def test_engines_that_do_not_fit(world: World) -> None:
    world.build(library_version="10.3.0.26", capabilities=("sm_80",), gpu="NVIDIA A100")
    with pytest.raises(EngineError, match=r"was built for TensorRT 10.3.0.26, sm_80, .* A100; needed: TensorRT 11.4"):
        world.load()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("deserialize_cuda_engine", "loading the source_encoder engine failed"),
        ("create_execution_context", "making room for the keypoint_detector engine failed"),
        ("set_input_shape", r"giving the keypoint_detector engine kp_hourglass_input of shape \(1, 3, "),
        ("set_tensor_address", "giving the keypoint_detector engine its arrays failed"),
        ("execute_async_v3", "running the keypoint_detector engine failed"),
        ("set_optimization_profile_async", "preparing the keypoint_detector engine for 1 frames at a time failed"),
    ],
)
def test_refusals_of_tensorrt(world: World, monkeypatch: pytest.MonkeyPatch, call: str, words: str) -> None:
    world.machine.batches = [1, 8]
    world.machine.refuses = {call}
    world.build()

    def animate() -> None:
        with world.load() as animator:
            animator.set_source(GOLDEN.source)

    with pytest.raises(EngineError, match=f"{words}.*: .*Error Code 1: {call} is refused$"):
        animate()
    assert all(device.is_closed for device in world.devices)
    # If TensorRT logs nothing, an earlier message is not repeated.
    monkeypatch.setattr(world.machine, "allows", lambda name: name != call)
    with pytest.raises(EngineError, match=r"TensorRT does not say why$"):
        animate()


def test_engines_of_other_tensors(world: World) -> None:
    world.machine.renamed = {"prediction": "output"}
    folder = world.build()
    with pytest.raises(EngineError) as caught:
        world.load()
    message = str(caught.value)
    assert message.startswith(f"{folder.path}: the generator engine has the tensors ")
    assert "output (OUTPUT, FLOAT, 3×64×64); expected" in message
    assert "prediction (OUTPUT, FLOAT, 3×64×64). Build it again: fomm-rt build " in message
    assert [device.is_closed for device in world.devices] == [True]


def test_engines_of_other_types(world: World) -> None:
    world.machine.half = True
    world.build()
    with pytest.raises(EngineError, match=r"source_image \(INPUT, HALF, .*; expected source_image \(INPUT, FLOAT, "):
        world.load()


def test_altered_engines_never_reach_tensorrt(world: World) -> None:
    file = world.build().path
    before, _, after = file.read_bytes().rpartition(b"generator")
    file.write_bytes(before + b"Generator" + after)
    with pytest.raises(EngineError, match="was altered since it was built"):
        world.load()
    assert b"Generator" not in world.machine.deserialized
