"""Frames through fake engines: contexts, memory, profiles, formats."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from fakes.tensorrt import BYTES, GENERATIONS, TensorFormat
from fakes.tensorrt_machine import FOR_4090, RTX, VERSION, World
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import BATCH_STREAMS
from fomm_rt.backends.options import BackendName
from fomm_rt.errors import EngineError
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def test_engines_are_opened(world: World) -> None:
    world.build()
    with world.load() as animator, Animator.load(world.model.path, "onnxruntime-cpu") as reference:
        assert animator.backend.name == "tensorrt"
        assert animator.backend.device == f"NVIDIA H200, TensorRT {VERSION}, fp32"
        assert animator.backend.reason == "asked for by name"
        assert animator.batch == 8
        for one in (animator, reference):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(animator.animate(frame).astype(int) - reference.animate(frame)).max() <= 1
        assert len(list(animator.animate_all([*GOLDEN.driving] * 3))) == 9, "a batch in each frame stream"
        # One context per input array: of the frame stream, of its source, and of every frame stream for batches.
        made = len(world.machine.contexts)
        assert made == 3 + 2 + 3 * BATCH_STREAMS
        for picture in GOLDEN.driving:
            animator.set_source(picture)
            animator.animate(picture)
        assert len(world.machine.contexts) == made, "sources and frames need no contexts of their own"
    assert [device.is_closed for device in world.devices] == [True]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_contexts_of_a_stream_share_memory(rtx_world: World, generation: str) -> None:
    """As much as the largest needs in its profile. TensorRT 8.6 knows only what the largest profile needs."""
    world, machine = rtx_world, rtx_world.machine
    machine.batches = [1, 8]
    machine.generation = generation
    world.import_modules()
    flavour: BackendName = "tensorrt-rtx" if generation == "rtx" else "tensorrt"
    world.build(**(RTX if generation == "rtx" else FOR_4090))
    with world.load(flavour) as animator, Animator.load(world.model.path, "onnxruntime-cpu") as reference:
        for one in (animator, reference):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(animator.animate(frame).astype(int) - reference.animate(frame)).max() <= 1
        single = {context.memory or (0, 0) for context in machine.contexts}
        made = len(machine.contexts)
        assert len(list(animator.animate_all([*GOLDEN.driving] * 6))) == 18
        batched = {context.memory or (0, 0) for context in machine.contexts[made:]}
        assert len(single) == 1, "frames and sources, one after another"
        assert len(batched) == BATCH_STREAMS, "streams overlap"
        assert not single & batched
        most = BYTES["generator"]
        if generation != "8.6":
            assert {size for _, size in single} == {most}
            assert {size for _, size in batched} == {8 * most}
        arrays = [array for array in world.devices[0].arrays if array.shape in ((most,), (8 * most,))]
        assert len(arrays) == 1 + BATCH_STREAMS
        del arrays
    gc.collect()
    assert not [array for array in world.devices[0].arrays if array.shape in ((most,), (8 * most,))]


@pytest.mark.parametrize("capturable", [True, False])
def test_the_library_is_asked_before_a_capture(rtx_world: World, capturable: bool) -> None:
    rtx_world.machine.capturable = capturable
    rtx_world.build(**RTX)
    with rtx_world.load("tensorrt-rtx") as animator, Animator.load(rtx_world.model.path, "onnxruntime-cpu") as exact:
        for one in (animator, exact):
            one.set_source(GOLDEN.source)
        for _ in range(4):
            frame = GOLDEN.driving[0]
            assert np.abs(animator.animate(frame).astype(int) - exact.animate(frame)).max() <= 1
        assert rtx_world.devices[0].captures == int(capturable)
        reason = animator.backend.reason
    told = f"without a CUDA graph: TensorRT-RTX {VERSION} cannot capture the keypoint_detector engine"
    assert (told in reason) == (not capturable)


@pytest.mark.parametrize("format_", list(TensorFormat))
def test_half_precision(world: World, format_: TensorFormat) -> None:
    world.machine.half, world.machine.format = True, format_
    world.build(precision="fp16")
    with world.load(precision=None) as animator, Animator.load(world.model.path, "onnxruntime-cpu") as reference:
        assert animator.backend.device.endswith("fp16")
        for one in (animator, reference):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            error = animator.animate(frame).astype(float) - reference.animate(frame)
            assert 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-9)) >= 40


def test_the_profile_for_a_batch(world: World) -> None:
    world.machine.batches = [1, 8]
    world.build()
    with world.load() as animator:
        animator.set_source(GOLDEN.source)
        animator.animate(GOLDEN.driving[0])
        first = [context.profile for context in world.machine.contexts]
        assert len(list(animator.animate_all(GOLDEN.driving))) == len(GOLDEN.driving)
        later = [context.profile for context in world.machine.contexts[len(first) :]]
    streams = [stream.handle for stream in world.devices[0].streams]
    # On the stream of the following run, which would not wait otherwise.
    assert set(first) == {(0, streams[0])}
    assert later[0] == (1, streams[1])


def test_a_batch_without_a_profile(world: World) -> None:
    world.machine.batches = [1, 2]
    world.build()
    with world.load() as animator:
        animator.set_source(GOLDEN.source)
        with pytest.raises(EngineError, match="cannot take 8 frames at a time; build it with --max-batch 8"):
            list(animator.animate_all(GOLDEN.driving))
