"""Inputs of the kernel path (sizes of a model, rows of a transfer), and what it allocates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from fomm_kernels import ArrayError, CompileError, DeviceError, KernelError
from fomm_rt.backends.gpu.frame_pipeline import (
    FLOAT32,
    Buffers,
    FramePipeline,
    SourceTensors,
    keypoint_rows,
    keypoints_from_rows,
    transfer_rows,
)
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import BackendError
from fomm_rt.framing import Region
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import ABSOLUTE, relative_transfer
from kernel_memory import Recorder


def test_shape_of_the_bundled_model() -> None:
    shape = FrameShape.of(open_bundled_model().manifest)
    assert (shape.size, shape.motion_size, shape.head_size) == (256, 64, 58)
    assert (shape.num_kp, shape.jacobian_maps, shape.occludes) == (10, 40, True)
    assert (shape.feature_channels, shape.feature_size) == (32, 128)
    assert shape.align_corners


def test_shape_of_a_small_model(small_model: Path) -> None:
    shape = FrameShape.of(open_model_folder(small_model).manifest)
    shapes = shape.tensor_shapes(3)
    assert shapes["source_image"] == (3, 3, 64, 64)
    assert shapes["motion_hourglass_input"] == (3, 4 * (shape.num_kp + 1), shape.motion_size, shape.motion_size)


@pytest.mark.parametrize("has_jacobians", [True, False])
@pytest.mark.parametrize("adapt_scale", [True, False])
def test_rows_carry_the_transfer(has_jacobians: bool, adapt_scale: bool) -> None:
    rng = np.random.default_rng(0)

    def draw() -> Keypoints:
        jacobian = (np.eye(2) + rng.normal(0, 0.3, (10, 2, 2))).astype(np.float32) if has_jacobians else None
        return Keypoints(rng.uniform(-1, 1, (10, 2)).astype(np.float32), jacobian)

    transfer = relative_transfer(draw(), draw(), adapt_scale)
    driving = draw()
    scale, offset, matrix = np.split(transfer_rows(transfer, 10)[0], (1, 3), axis=1)
    expected = transfer(driving)
    assert np.array_equal(driving.value * scale + offset, expected.value)
    jacobian = (
        np.broadcast_to(np.eye(2, dtype=np.float32), (10, 2, 2)) if driving.jacobian is None else driving.jacobian
    )
    found = jacobian @ matrix.reshape(10, 2, 2)
    assert np.array_equal(
        found, np.broadcast_to(np.eye(2), (10, 2, 2)) if expected.jacobian is None else expected.jacobian
    )


def test_rows_of_absolute_motion_change_nothing() -> None:
    assert np.array_equal(transfer_rows(ABSOLUTE, 2), [[[1, 0, 0, 1, 0, 0, 1]] * 2])


def test_rows_become_keypoints() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    keypoints = keypoints_from_rows(rows, has_jacobians=True)
    assert np.array_equal(keypoints.value, [[0, 1], [6, 7]])
    assert keypoints.jacobian is not None
    assert np.array_equal(keypoints.jacobian[1], [[8, 9], [10, 11]])
    without = keypoints_from_rows(rows, has_jacobians=False)
    assert without.jacobian is None
    assert np.array_equal(keypoint_rows(keypoints), rows)
    assert np.array_equal(keypoint_rows(without)[1], [6, 7, 1, 0, 0, 1])


class Stage:
    """A kernel path that runs nothing, and records allocations and the arrays of trunks.

    Attributes:
        allocated: Name, shape and dtype, in order.
        queued: Every array that a trunk was given.
    """

    def __init__(self, model: Path, batch: int = 2, executor: Any = None) -> None:
        self.allocated: list[tuple[str, tuple[int, ...], np.dtype[Any]]] = []
        self.queued: list[Any] = []
        self.shape = FrameShape.of(open_model_folder(model).manifest)
        self.frame = FramePipeline(self.shape, executor or Recorder(), self, self.allocate, np.float16, batch)

    def allocate(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self.allocated.append((name, shape, np.dtype(dtype)))
        return np.zeros(shape, dtype)

    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        del stream
        names = self.shape.trunk_tensors(trunk)
        assert (tuple(inputs), tuple(outputs)) == names
        self.queued += [*inputs.values(), *outputs.values()]

    def picture(self, batch: int = 1) -> NDArray[np.uint8]:
        return np.zeros((batch, self.shape.size, self.shape.size, 3), np.uint8)

    def prepare(self) -> SourceTensors:
        return self.frame.prepare_source(self.picture(), Region.square(self.shape.size))

    def animate(self, source: SourceTensors) -> None:
        self.frame.detect(self.picture(2), Region.square(self.shape.size))
        self.frame.animate(source, transfer_rows(ABSOLUTE, self.shape.num_kp))


def test_what_is_allocated(small_model: Path) -> None:
    stage = Stage(small_model)
    stage.prepare()  # the first source also allocates buffers
    started = len(stage.allocated)
    first, second = stage.prepare(), stage.prepare()
    assert [name for name, *_ in stage.allocated[started:]] == ["source_quarter", "source_features", "keypoints"] * 2
    stage.animate(first)
    stage.animate(second)
    assert len(stage.allocated) == started + 6
    tensors = stage.shape.tensor_shapes(2) | {
        "source_quarter": (1, 3, stage.shape.motion_size, stage.shape.motion_size)
    }
    for name, shape, dtype in stage.allocated:
        rows_or_pictures = {"keypoints": np.float32, "sparse_motion": np.float32, "pictures": np.uint8}
        assert dtype == rows_or_pictures.get(name, np.float32 if name in FLOAT32 else np.float16)
        if name in tensors:
            assert shape[1:] == tensors[name][1:]
            assert shape[0] in (1, 2)


def test_what_a_blend_allocates(blending_model: ModelFolder) -> None:
    """Motion once; and with every source its pixels, which the encoder's fixed input does not give."""
    stage = Stage(blending_model.path)
    assert [name for name, *_ in stage.allocated].count("deformation") == 1
    stage.prepare()
    started, queued = len(stage.allocated), stage.queued
    stage.queued = []
    second = stage.prepare()
    added = [name for name, *_ in stage.allocated[started:]]
    assert added == ["source_quarter", "source_features", "keypoints", "source_pixels"]
    assert [a is b for a, b in zip(queued, stage.queued, strict=True)].count(False) == 1, "the features"
    assert second.arrays == (second.quarter, second.features, second.keypoints, second.pixels)
    before = len(stage.allocated)
    stage.animate(second)
    assert len(stage.allocated) == before


def test_sources_share_no_arrays(small_model: Path) -> None:
    """Sources share no array, and buffers of queued work are reused, never freed."""
    stage = Stage(small_model)
    first, queued = stage.prepare(), stage.queued
    stage.queued = []
    second = stage.prepare()
    for name in ("quarter", "features", "keypoints"):
        assert not np.shares_memory(getattr(first, name), getattr(second, name))
    same = [a is b for a, b in zip(queued, stage.queued, strict=True)]
    assert same.count(False) == 1, "the features"


def test_the_source_slot_never_changes(small_model: Path) -> None:
    stage = Stage(small_model)
    started = len(stage.allocated)
    slot = stage.frame.source_slot
    assert len(stage.allocated) == started + 3
    stage.animate(stage.prepare())
    assert stage.frame.source_slot is slot
    stage.animate(slot)


class Failing(Recorder):
    def __init__(self, error: KernelError) -> None:
        super().__init__()
        self.error = error

    def launch(self, launch: Any, stream: Any = None) -> None:
        del launch, stream
        raise self.error


@pytest.mark.parametrize("error", [CompileError, DeviceError, ArrayError])
def test_kernel_errors_become_backend_errors(small_model: Path, error: type[KernelError]) -> None:
    executor = Failing(error("what went wrong"))
    stage = Stage(small_model, executor=executor)
    square, transfer = Region.square(stage.shape.size), transfer_rows(ABSOLUTE, stage.shape.num_kp)
    for call in (
        stage.prepare,
        lambda: stage.frame.detect(stage.picture(2), square),
        lambda: stage.frame.animate(stage.frame.source_slot, transfer),
    ):
        with pytest.raises(BackendError, match=r"^what went wrong$") as caught:
            call()
        assert isinstance(caught.value.__cause__, error)


def test_pictures_that_do_not_fit(small_model: Path) -> None:
    stage = Stage(small_model)
    with pytest.raises(BackendError, match=r"^frame_input: expected .* got \(1, 64, 64\)"):
        stage.frame.prepare_source(np.zeros((1, 64, 64), np.uint8), Region.square(64))
