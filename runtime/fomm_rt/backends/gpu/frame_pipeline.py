"""The path of a frame where geometry and convolutions are split: kernels of our own between convolution trunks.

    picture ── frame_input ──▶ [keypoint_detector] ── keypoint_head ──▶ keypoints
    keypoints, source ── motion ──▶ [dense_motion] ── warp ──▶ [generator] ── prediction_output ──▶ picture

Trunks are in brackets. On a GPU they are engines and everything stays in its memory; on a CPU, where this path is
proved, they run on ONNX Runtime and the kernels' code on the host. This file is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

import fomm_kernels as kernels
from fomm_rt.errors import BackendError
from fomm_rt.framing import Region, placement
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import Transfer

FLOAT32 = ("kp_hourglass_input", "kp_logits", "jacobian_maps")
"""Stored as float32 whatever the storage of all others: the detector's softmax magnifies what half would lose of them
to 0.1 pixel (`benchmarks/studies/half_storage.py`)."""

Buffers = Mapping[str, Any]
"""Tensor name to array, of whatever kind the executor takes."""
Allocate = Callable[[str, tuple[int, ...], DTypeLike], Any]
"""Name, shape and dtype to an array on the executor's side.

Names are those of `FrameShape.tensor_shapes`, whose arrays may have any layout, channels last or padded among them, and
"source_quarter", likewise; "keypoints", "sparse_motion" and "pictures" are in C order. A name may be asked for more
than once: every call gives another array. What kernels do not write, padding, is never read by them; where an engine
reads it, it has to be zero from the start.
"""


StageEnded = Callable[[str, Any], None]
"""Called with the name of a stage (`protocol.STAGES`) and the stream, once all of it is queued."""


def _nobody_told(stage: str, stream: Any) -> None:
    del stage, stream


class Trunks(Protocol):
    """Runs the convolutions."""

    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        """One of `frame_shape.TRUNKS`, from arrays into arrays; on a GPU queued on a stream."""


class LayoutTrunks(Trunks, Protocol):
    """Trunks that want their tensors to lie in memory in a way of their own."""

    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Elements from one to the next along each axis of a tensor; None for C order, and for what no trunk takes."""


@dataclass(frozen=True, eq=False)
class SourceTensors:
    """What depends on the source alone.

    Attributes:
        quarter: (1, 3, motion_size, motion_size) of storage.
        features: (1, C, feature_size, feature_size) of storage.
        keypoints: (1, K, 6) float32, see `fomm_kernels.keypoint_head`.
    """

    quarter: Any
    features: Any
    keypoints: Any


@contextmanager
def kernel_errors() -> Iterator[None]:
    """What goes wrong in a kernel is raised as BackendError, in the kernel's words."""
    try:
        yield
    except kernels.KernelError as error:
        raise BackendError(str(error)) from error


class FramePipeline:
    """Buffers and steps of one model, for a fixed number of frames at a time.

    Everything is allocated at the start but for what sources take: each its own arrays, and the first some more, see
    `prepare_source`; and `source_slot`. Buffers are shared by all calls: queue them on one stream, or make streams wait
    for each other.

    Args:
        shape: Of the model.
        executor: Runs the kernels.
        trunks: Run the convolutions.
        allocate: Makes arrays on the executor's side.
        storage: float16 or float32, of tensors between kernels and trunks but for FLOAT32; keypoints and sparse motion
            are float32 as well.
        batch: Frames at a time, N.
        stage_ended: Told of the stages of `detect` and `animate`.

    Attributes:
        batch: As given.
        trunks: As given.
        tensors: What trunks take and give, by name.
        keypoints: (N, K, 6) float32, written by `detect`, read by `animate`.
        sparse_motion: (N, K, 8) float32, see `fomm_kernels.motion`.
        pictures: (N, size, size, 3) uint8, the predictions.

    Raises:
        BackendError: Of any call: a kernel cannot be compiled or launched, or an array does not fit.
    """

    def __init__(
        self,
        shape: FrameShape,
        executor: kernels.Executor,
        trunks: Trunks,
        allocate: Allocate,
        storage: DTypeLike = np.float16,
        batch: int = 1,
        stage_ended: StageEnded = _nobody_told,
    ) -> None:
        self.shape = shape
        self.batch = batch
        self.trunks = trunks
        self._ended = stage_ended
        self._executor = executor
        self._allocate = allocate
        self._storage = storage
        self.tensors = self._tensors(batch, ("keypoint_detector", "dense_motion", "generator"))
        self.keypoints = allocate("keypoints", (batch, shape.num_kp, 6), np.float32)
        self.sparse_motion = allocate("sparse_motion", (batch, shape.num_kp, 8), np.float32)
        self.pictures = allocate("pictures", (batch, shape.size, shape.size, 3), np.uint8)

    @cached_property
    def _source_tensors(self) -> dict[str, Any]:
        """A source's own, of a batch of 1: kept, since queued work may use them after `prepare_source` has returned."""
        return self._tensors(1, ("source_encoder", "keypoint_detector"), without=("source_features",))

    @cached_property
    def source_slot(self) -> SourceTensors:
        """A source whose arrays stay the same, for captured graphs; allocated when first asked for.

        A graph is captured with this one as the source of `animate`. Before it is replayed for a prepared source, the
        backend copies that one's three arrays into these, on the stream of the replay.
        """
        return self._new_source()

    @kernel_errors()
    def prepare_source(self, picture: Any, region: Region, stream: Any = None) -> SourceTensors:
        """Runs what depends on the source alone.

        Allocates the three arrays of the source and, the first time, what is on the way to them. They have to live
        until what is queued with them is done.

        Args:
            picture: (1, H, W, 3) uint8.
            region: Of it.
            stream: To queue on.
        """
        source = self._new_source()
        tensors = {**self._source_tensors, "source_features": source.features}
        self._frame_input(picture, region, tensors["kp_hourglass_input"], None, stream)
        self._find_keypoints(tensors, source.keypoints, stream)
        # Once more, for the quarter in the motion kernel's storage and the frame for the encoder.
        self._frame_input(picture, region, source.quarter, tensors["source_image"], stream)
        self._run("source_encoder", tensors, stream)
        return source

    def detect(self, pictures: Any, region: Region, stream: Any = None) -> None:
        """Finds the keypoints of driving frames (N, H, W, 3) uint8."""
        self.look(pictures, region, stream)
        self.find_keypoints(stream)

    @kernel_errors()
    def look(self, pictures: Any, region: Region, stream: Any = None) -> None:
        """The part of `detect` that reads the frames; nothing after it does."""
        self._frame_input(pictures, region, self.tensors["kp_hourglass_input"], None, stream)
        self._ended("upload", stream)

    @kernel_errors()
    def find_keypoints(self, stream: Any = None) -> None:
        """The rest of `detect`, which writes `keypoints`."""
        self._find_keypoints(self.tensors, self.keypoints, stream)
        self._ended("detector", stream)

    @kernel_errors()
    def animate(
        self,
        source: SourceTensors,
        transfer: Any,
        *,
        deformation: Any = None,
        mask: Any = None,
        occlusion_map: Any = None,
        stream: Any = None,
    ) -> None:
        """Moves a source by `keypoints` and leaves the predictions in `pictures`.

        A captured CUDA graph holds the addresses of all arrays given here: what is replayed reads and writes the same
        ones, whatever source was prepared since. To change sources, capture with `source_slot`.

        Args:
            source: What to move.
            transfer: (1 or N, K, 7) float32 on the executor's side, see `transfer_rows`.
            deformation, mask, occlusion_map: Arrays to keep these in, see `fomm_kernels.warp`.
            stream: To queue on.
        """
        tensors, align_corners = self.tensors, self.shape.align_corners
        kernels.motion(
            self._executor,
            self.keypoints,
            source.keypoints,
            transfer,
            source.quarter,
            tensors["motion_hourglass_input"],
            self.sparse_motion,
            align_corners=align_corners,
            stream=stream,
        )
        self._ended("geometry", stream)
        self._run("dense_motion", tensors, stream)
        self._ended("dense_motion", stream)
        (features,), _ = self.shape.trunk_tensors("generator")
        kernels.warp(
            self._executor,
            tensors["mask_logits"],
            tensors.get("occlusion_logits"),
            self.sparse_motion,
            source.features,
            tensors[features],
            align_corners=align_corners,
            resize_align_corners=self.shape.resize_align_corners,
            deformation=deformation,
            mask=mask,
            occlusion_map=occlusion_map,
            stream=stream,
        )
        self._ended("warp", stream)
        self._run("generator", tensors, stream)
        self._ended("generator", stream)
        kernels.prediction_output(self._executor, tensors["prediction"], self.pictures, stream=stream)

    def _tensors(self, batch: int, trunks: Sequence[str], without: Sequence[str] = ()) -> dict[str, Any]:
        """Arrays for all that some trunks take and give."""
        shapes = self.shape.tensor_shapes(batch)
        return {
            name: self._allocate(name, shapes[name], np.float32 if name in FLOAT32 else self._storage)
            for trunk in trunks
            for names in self.shape.trunk_tensors(trunk)
            for name in names
            if name not in without
        }

    def _new_source(self) -> SourceTensors:
        side = self.shape.motion_size
        return SourceTensors(
            self._allocate("source_quarter", (1, 3, side, side), self._storage),
            self._allocate("source_features", self.shape.tensor_shapes(1)["source_features"], self._storage),
            self._allocate("keypoints", (1, self.shape.num_kp, 6), np.float32),
        )

    def _frame_input(self, pictures: Any, region: Region, quarter: Any, frame: Any, stream: Any) -> None:
        kernels.frame_input(
            self._executor,
            pictures,
            quarter,
            size=self.shape.size,
            part=(region.x, region.y, region.width, region.height),
            placed=placement(region, self.shape.size),
            frame=frame,
            stream=stream,
        )

    def _find_keypoints(self, tensors: Buffers, keypoints: Any, stream: Any) -> None:
        self._run("keypoint_detector", tensors, stream)
        kernels.keypoint_head(
            self._executor,
            tensors["kp_logits"],
            tensors.get("jacobian_maps"),
            keypoints,
            temperature=self.shape.temperature,
            stream=stream,
        )

    def _run(self, trunk: str, tensors: Buffers, stream: Any) -> None:
        inputs, outputs = self.shape.trunk_tensors(trunk)
        self.trunks.run(trunk, {n: tensors[n] for n in inputs}, {n: tensors[n] for n in outputs}, stream)


def transfer_rows(transfer: Transfer, num_kp: int) -> NDArray[np.float32]:
    """A prepared transfer as the motion kernel takes it: (1, K, 7) float32 of scale, offset x, y, matrix."""
    rows = np.empty((1, num_kp, 7), np.float32)
    rows[0, :, 0] = transfer.scale
    rows[0, :, 1:3] = 0 if transfer.offset is None else transfer.offset
    rows[0, :, 3:] = (1, 0, 0, 1) if transfer.jacobian is None else transfer.jacobian.reshape(num_kp, 4)
    return rows


def keypoint_rows(keypoints: Keypoints) -> NDArray[np.float32]:
    """Keypoints as the motion kernel takes them: (K, 6) float32 of value and jacobian."""
    rows = np.empty((len(keypoints.value), 6), np.float32)
    rows[:, :2] = keypoints.value
    rows[:, 2:] = (1, 0, 0, 1) if keypoints.jacobian is None else keypoints.jacobian.reshape(-1, 4)
    return rows


def keypoints_from_rows(rows: NDArray[np.float32], has_jacobians: bool) -> Keypoints:
    """(K, 6) rows as the keypoint head writes them -> keypoints."""
    return Keypoints(rows[:, :2].copy(), rows[:, 2:].reshape(-1, 2, 2).copy() if has_jacobians else None)
