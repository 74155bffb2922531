"""The kernel path of a frame: the project's kernels between the convolution trunks.

    picture ── frame_input ──▶ [keypoint_detector] ── keypoint_head ──▶ keypoints
    keypoints, source ── motion ──▶ [dense_motion] ── warp ──▶ [generator] ── prediction_output ──▶ picture

In a model with blend mask, `blended_output` takes the place of `prediction_output`; it also reads the source at full
size and the deformation that `warp` leaves.

Trunks are in brackets. On a GPU they are engines, and everything stays in its memory. On a CPU, where the tests prove
this path, trunks run on ONNX Runtime and kernels in their host build. This module is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

import fomm_kernels as kernels
from fomm_rt.errors import BackendError
from fomm_rt.framing import Region, placement
from fomm_rt.model.blur import Blur
from fomm_rt.model.frame_shape import TRUNKS, FrameShape
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import Transfer

FLOAT32 = ("kp_hourglass_input", "kp_logits", "jacobian_maps")
"""Tensors that are always stored as float32: the detector's softmax would turn their rounding to half into errors of
0.1 pixel (`benchmarks/studies/half_storage.py`)."""

FRAME_TRUNKS = TRUNKS[1:]
"""The trunks that every frame runs; the first one runs once for each source."""

Buffers = Mapping[str, Any]
"""Tensor name -> array of the kind that the executor takes."""
AllocateTensor = Callable[[str, tuple[int, ...], DTypeLike], Any]
"""Name, shape and dtype -> a new array for the executor.

Names are those of `FrameShape.tensor_shapes`, "source_quarter" and "source_pixels", whose arrays may have any layout,
channels last and padding included, and "keypoints", "sparse_motion", "deformation" and "pictures", whose arrays are in
C order. Kernels neither read nor write padding; engines may read it, so it must be zero from the start.
"""


StageEnded = Callable[[str, Any], None]
"""Called with the name of a stage (`protocol.STAGES`) and the stream, once the whole stage is queued."""


class Trunks(Protocol):
    """Runs the convolutions."""

    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        """Runs one of `frame_shape.TRUNKS` from arrays into arrays; on a GPU, queues it on a stream."""


class LayoutTrunks(Trunks, Protocol):
    """Trunks that prescribe the memory layout of their tensors."""

    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Returns a tensor's strides in elements; None for C order, and for tensors of no trunk."""

    def why_not_captured(self, trunks: Collection[str], stream: Any) -> str | None:
        """Says why these trunks, which have run on this stream before, cannot be captured there; None if they can."""
        del trunks, stream
        return None

    def close(self) -> None:
        """Frees what the trunks hold on the device, once queued work is done; they must not be used afterwards."""
        return


@dataclass(frozen=True, eq=False)
class SourceTensors:
    """Everything on the device that depends on the source alone.

    Attributes:
        quarter: (1, 3, motion_size, motion_size), in the storage type.
        features: (1, C, feature_size, feature_size), in the storage type.
        keypoints: (1, K, 6) float32, see `fomm_kernels.keypoint_head`.
        pixels: (1, 3, size, size), in the storage type: the source itself; None in a model without blend mask.
    """

    quarter: Any
    features: Any
    keypoints: Any
    pixels: Any = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All arrays of the source, in an order that is the same for every source of a model."""
        arrays = self.quarter, self.features, self.keypoints, self.pixels
        return tuple(array for array in arrays if array is not None)


@contextmanager
def kernel_errors() -> Iterator[None]:
    """Raises errors of kernels as BackendError, with the same message."""
    try:
        yield
    except kernels.KernelError as error:
        raise BackendError(str(error)) from error


class FramePipeline:
    """The buffers and steps of one model, for a fixed number of frames at a time.

    Buffers are allocated in advance, except those of sources (see `prepare_source`) and `source_slot`. All calls share
    the buffers: queue them on one stream, or make streams wait for each other.

    Args:
        shape, executor, trunks, allocate: The model's sizes; what runs kernels and convolutions; allocates arrays.
        storage: float16 or float32: the type of tensors between kernels and trunks, except those in FLOAT32. Keypoints
            and sparse motion are always float32.
        batch: Frames at a time, N.
        stage_ended: Called after each stage of `detect` and `animate`.

    Attributes:
        shape, batch, trunks: As given.
        tensors: Inputs and outputs of the trunks by name.
        keypoints: (N, K, 6) float32, written by `detect`, read by `animate`.
        sparse_motion: (N, K, 8) float32, see `fomm_kernels.motion`.
        pictures: (N, size, size, 3) uint8, the predictions.

    Every call raises BackendError if a kernel cannot be compiled or launched, or an array does not fit.
    """

    def __init__(
        self,
        shape: FrameShape,
        executor: kernels.Executor,
        trunks: Trunks,
        allocate: AllocateTensor,
        storage: DTypeLike = np.float16,
        batch: int = 1,
        stage_ended: StageEnded = lambda _stage, _stream: None,
    ) -> None:
        self.shape = shape
        self.batch = batch
        self.trunks = trunks
        self._ended = stage_ended
        self._executor = executor
        self._allocate = allocate
        self._storage = storage
        self.tensors = self._tensors(batch, FRAME_TRUNKS)
        self.keypoints = allocate("keypoints", (batch, shape.num_kp, 6), np.float32)
        self.sparse_motion = allocate("sparse_motion", (batch, shape.num_kp, 8), np.float32)
        self.pictures = allocate("pictures", (batch, shape.size, shape.size, 3), np.uint8)
        motion = (batch, shape.motion_size, shape.motion_size, 2)
        self._deformation = allocate("deformation", motion, np.float32) if shape.blends else None

    @cached_property
    def _source_tensors(self) -> dict[str, Any]:
        """Buffers of `prepare_source`, kept because queued work may use them after it has returned."""
        return self._tensors(1, ("source_encoder", "keypoint_detector"), without=("source_features",))

    @cached_property
    def source_slot(self) -> SourceTensors:
        """A source whose arrays never change, allocated on first use.

        Graphs are captured with it as the source of `animate`. Before a replay, the backend copies the arrays of a
        prepared source into it, on the stream of the replay.
        """
        return self._new_source()

    @kernel_errors()
    def prepare_source(self, picture: Any, region: Region, stream: Any = None) -> SourceTensors:
        """Runs everything that depends on the source alone.

        Allocates the arrays of the source; the first call also allocates buffers. The arrays must live until the work
        queued with them is done. `picture` is (1, H, W, 3) uint8.
        """
        source = self._new_source()
        tensors = {**self._source_tensors, "source_features": source.features}
        self._frame_input(picture, region, tensors["kp_hourglass_input"], self.shape.detector_blur, None, stream)
        self._find_keypoints(tensors, source.keypoints, stream)
        # A second time, for the quarter in the storage type and the frame for the encoder.
        self._frame_input(picture, region, source.quarter, self.shape.source_blur, tensors["source_image"], stream)
        self._run("source_encoder", tensors, stream)
        if source.pixels is not None:
            # Not the encoder's own input: engines keep an execution context for each input buffer.
            self._frame_input(picture, region, source.quarter, self.shape.source_blur, source.pixels, stream)
        return source

    def detect(self, pictures: Any, region: Region, stream: Any = None) -> None:
        """Writes the keypoints of driving frames (N, H, W, 3) uint8 to `keypoints`."""
        self.read_frames(pictures, region, stream)
        self.find_keypoints(stream)

    @kernel_errors()
    def read_frames(self, pictures: Any, region: Region, stream: Any = None) -> None:
        """The first part of `detect`, and the only one that reads the frames."""
        self._frame_input(pictures, region, self.tensors["kp_hourglass_input"], self.shape.detector_blur, None, stream)
        self._ended("upload", stream)

    @kernel_errors()
    def find_keypoints(self, stream: Any = None) -> None:
        """The second part of `detect`, which writes `keypoints`."""
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
        blend_mask: Any = None,
        stream: Any = None,
    ) -> None:
        """Animates a source by `keypoints` and writes the predictions to `pictures`.

        A captured CUDA graph keeps the addresses of all arrays given here. To change sources between replays, capture
        with `source_slot`.

        Args:
            transfer: (1 or N, K, 7) float32 for the executor, see `transfer_rows`.
            deformation, mask, occlusion_map: Arrays to receive these, see `fomm_kernels.warp`.
            blend_mask: Array to receive it, see `fomm_kernels.blended_output`.
        """
        tensors, align_corners = self.tensors, self.shape.align_corners
        deformation = self._deformation if deformation is None else deformation
        kernels.motion(
            self._executor,
            self.keypoints,
            source.keypoints,
            transfer,
            source.quarter,
            tensors["motion_hourglass_input"],
            self.sparse_motion,
            align_corners=align_corners,
            variance=self.shape.kp_variance,
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
        if self.shape.blends:
            kernels.blended_output(
                self._executor,
                tensors["decoded"],
                source.pixels,
                deformation,
                self.pictures,
                blend_mask=blend_mask,
                stream=stream,
            )
        else:
            kernels.prediction_output(self._executor, tensors["prediction"], self.pictures, stream=stream)

    def _tensors(self, batch: int, trunks: Sequence[str], without: Sequence[str] = ()) -> dict[str, Any]:
        """Allocates the inputs and outputs of some trunks."""
        shapes = self.shape.tensor_shapes(batch)
        return {
            name: self._allocate(name, shapes[name], np.float32 if name in FLOAT32 else self._storage)
            for trunk in trunks
            for names in self.shape.trunk_tensors(trunk)
            for name in names
            if name not in without
        }

    def _new_source(self) -> SourceTensors:
        side, size = self.shape.motion_size, self.shape.size
        return SourceTensors(
            self._allocate("source_quarter", (1, 3, side, side), self._storage),
            self._allocate("source_features", self.shape.tensor_shapes(1)["source_features"], self._storage),
            self._allocate("keypoints", (1, self.shape.num_kp, 6), np.float32),
            self._allocate("source_pixels", (1, 3, size, size), self._storage) if self.shape.blends else None,
        )

    def _frame_input(self, pictures: Any, region: Region, quarter: Any, blur: Blur, frame: Any, stream: Any) -> None:
        kernels.frame_input(
            self._executor,
            pictures,
            quarter,
            size=self.shape.size,
            part=(region.x, region.y, region.width, region.height),
            placed=placement(region, self.shape.size),
            sigma=blur.sigma,
            radius=blur.radius,
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
    """Transfer -> (1, K, 7) float32 for the motion kernel: scale, offset x, offset y, 2×2 matrix."""
    rows = np.empty((1, num_kp, 7), np.float32)
    rows[0, :, 0] = transfer.scale
    rows[0, :, 1:3] = 0 if transfer.offset is None else transfer.offset
    rows[0, :, 3:] = (1, 0, 0, 1) if transfer.jacobian is None else transfer.jacobian.reshape(num_kp, 4)
    return rows


def keypoint_rows(keypoints: Keypoints) -> NDArray[np.float32]:
    """Keypoints -> (K, 6) float32 for the motion kernel: value and jacobian."""
    rows = np.empty((len(keypoints.value), 6), np.float32)
    rows[:, :2] = keypoints.value
    rows[:, 2:] = (1, 0, 0, 1) if keypoints.jacobian is None else keypoints.jacobian.reshape(-1, 4)
    return rows


def keypoints_from_rows(rows: NDArray[np.float32], has_jacobians: bool) -> Keypoints:
    """The inverse of `keypoint_rows`, for what the keypoint head writes."""
    return Keypoints(rows[:, :2].copy(), rows[:, 2:].reshape(-1, 2, 2).copy() if has_jacobians else None)
