"""A frame stream: one stream of a device with all buffers of a batch of frames, allocated once.

The second frame of a shape is captured as a whole, and later ones replay it. Shapes that come only once, as from a crop
that zooms, are not captured.

    pinned ─▶ pictures ─▶ keypoints ─▶ predictions ─▶ pinned
              └──────────── one graph ────────────┘

Frame streams share only engines, so copies and computations of several of them overlap.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fomm_kernels.arrays import view
from fomm_rt.backends.gpu.device import Device, Replay
from fomm_rt.backends.gpu.device_arrays import DevicePicture, batch_of_one
from fomm_rt.backends.gpu.frame_pipeline import (
    FRAME_TRUNKS,
    FramePipeline,
    LayoutTrunks,
    SourceTensors,
    transfer_rows,
)
from fomm_rt.backends.protocol import STAGES, StageTimes
from fomm_rt.errors import BackendError
from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.motion.transfer import Transfer

_log = logging.getLogger("fomm_rt")

SHAPES_KEPT = 4
"""Shapes of driving frames whose buffers and graphs are kept: a camera has one, a crop that follows a face a few."""


@dataclass(frozen=True)
class _Program:
    """Work that is captured as one graph: its kind, the part of frames that it reads, and True if it records events."""

    kind: str
    region: Region | None = None
    timed: bool = False


@dataclass(frozen=True, eq=False)
class _Input:
    """Buffers for frames of one shape, and the part of them to use."""

    host: NDArray[np.uint8]
    pictures: Any
    region: Region


class FrameStream:
    """Animates batches, one after another. Every call raises BackendError if the device or a kernel refuses.

    Args:
        device: The device; the caller enters `Device.current` around every call.
        shape, storage, batch: As for `FramePipeline`.
        trunks: The model's convolutions; several frame streams may share them.
        captures: Replay captured work; otherwise queue it step by step every time.

    Attributes:
        pipeline: The steps of a batch and their buffers.
        stream: The stream that all work is queued on.
        eager_reason: Why work is not replayed; None if it is.
    """

    def __init__(
        self,
        device: Device,
        shape: FrameShape,
        trunks: LayoutTrunks,
        storage: DTypeLike,
        batch: int = 1,
        captures: bool = True,
    ) -> None:
        def allocate(name: str, size: tuple[int, ...], dtype: DTypeLike) -> Any:
            return device.allocate(size, dtype, trunks.strides(name, size))

        self._device = device
        self._trunks = trunks
        self.stream = device.stream()
        self.pipeline = FramePipeline(shape, device.executor, trunks, allocate, storage, batch, self._record)
        self.eager_reason = None if captures else "asked for"
        self._busy = False
        # Pictures of other libraries that queued work reads or writes.
        self._borrowed: list[DevicePicture] = []
        # Each program has its own events; sharing them would mix batches.
        self._events: dict[_Program, dict[str, Any]] = {}
        self._latest: dict[str, Any] = {}
        self._timed = False
        self._slot = self.pipeline.source_slot
        rows = (1, shape.num_kp, 7)
        self._transfer, self._transfer_host = device.allocate(rows, np.float32), device.pinned(rows, np.float32)
        self._keypoints_host = device.pinned((batch, shape.num_kp, 6), np.float32)
        self._pictures_host = device.pinned((batch, shape.size, shape.size, 3), np.uint8)
        # The source now in the slot, kept alive for queued copies that read it.
        self._source: SourceTensors | None = None
        self._moved_by: Transfer | None = None
        self._inputs: OrderedDict[Region, _Input] = OrderedDict()
        self._replays: dict[_Program, Replay] = {}

    def prepare_source(self, image: Image) -> tuple[SourceTensors, NDArray[np.float32]]:
        """Runs all that depends on the source, (size, size, 3) uint8, alone; returns it with keypoints (K, 6)."""
        self._settle()
        host, found = self._pictures_host[:1], self._keypoints_host[:1]
        host[0] = image
        picture = self._device.allocate(host.shape, np.uint8)
        try:
            self._copy(host, picture)
            source = self.pipeline.prepare_source(picture, Region.square(self.pipeline.shape.size), self.stream)
            self._copy(source.keypoints, found)
        finally:
            # Other frame streams read the source, and the picture (on an interruption, also the source) is freed now.
            self._settle()
        return source, found[0].copy()

    def use(self, source: SourceTensors, transfer: Transfer) -> None:
        """Sets the source and the transfer of the following frames, by a few copies within the device."""
        # Each is None while it is copied, so an interrupted copy starts over.
        if transfer is not self._moved_by:
            self._settle()
            self._moved_by = None
            self._transfer_host[...] = transfer_rows(transfer, self.pipeline.shape.num_kp)
            self._copy(self._transfer_host, self._transfer)
            self._moved_by = transfer
        if source is not self._source:
            self._settle()  # the previous source may be freed once it is released here
            self._source = None
            for array, place in zip(source.arrays, self._slot.arrays, strict=True):
                self._copy(array, place)
            self._source = source

    def start(self, images: Sequence[Image], region: Region, timed: bool = False) -> None:
        """Queues the animation of 1 to N frames (H, W, 3) uint8 of one shape; `finish` waits for them."""
        given = self._take(images, region)

        def queue() -> None:
            self._copy(given.host, given.pictures)
            self.pipeline.detect(given.pictures, given.region, self.stream)
            self._animate()

        self._run(_Program("frames", given.region, timed), queue)

    def start_on_device(self, picture: DevicePicture, region: Region, timed: bool = False) -> None:
        """Does the same as `start` for one frame on the GPU."""
        program = _Program("device frames", None, timed)
        self._begin(program)
        self._borrow(picture)
        # The frame's address changes, so this launch cannot be replayed.
        self.pipeline.read_frames(batch_of_one(picture.array), region, self.stream)

        def queue() -> None:
            self.pipeline.find_keypoints(self.stream)
            self._animate()

        self._run(program, queue, begins=False)

    def start_keypoints(self, rows: NDArray[np.float32], timed: bool = False) -> None:
        """Does the same as `start` from keypoints (K, 6) found earlier."""
        self._settle()
        self._keypoints_host[...] = rows

        def queue() -> None:
            self._copy(self._keypoints_host, self.pipeline.keypoints)
            self._record("upload", self.stream)
            self._animate()

        self._run(_Program("keypoints", None, timed), queue)

    def finish(self, outs: Sequence[Image]) -> StageTimes:
        """Waits for the started batch and copies its predictions into `outs`, (size, size, 3) uint8 each.

        There may be fewer of them than started frames. Returns the times of the stages if the batch was `timed`.
        """
        self._settle()
        for out, picture in zip(outs, self._pictures_host, strict=False):
            out[...] = picture
        return self._stage_ms()

    def finish_on_device(self, out: DevicePicture) -> StageTimes:
        """Does the same as `finish` into a picture on the GPU."""
        self._borrow(out)
        pictures = view(self.pipeline.pictures, "pictures")
        first = replace(pictures, shape=pictures.shape[1:], strides=pictures.strides[1:])
        self._busy = True
        self._device.copy_picture(first, out.array, self.stream)
        self._settle()
        return self._stage_ms()

    def detect(self, image: Image, region: Region) -> NDArray[np.float32]:
        """Returns the keypoints (K, 6) of a frame (H, W, 3) uint8."""
        given = self._take([image], region)

        def queue() -> None:
            self._copy(given.host, given.pictures)
            self.pipeline.detect(given.pictures, given.region, self.stream)
            self._copy(self.pipeline.keypoints, self._keypoints_host)

        self._run(_Program("detect", given.region), queue)
        first: NDArray[np.float32] = self.found()[0]
        return first

    def detect_on_device(self, picture: DevicePicture, region: Region) -> NDArray[np.float32]:
        """Does the same as `detect` for a frame on the GPU."""
        self._begin(_Program("detect on device"))
        self._borrow(picture)
        self.pipeline.detect(batch_of_one(picture.array), region, self.stream)
        self._copy(self.pipeline.keypoints, self._keypoints_host)
        first: NDArray[np.float32] = self.found()[0]
        return first

    def explain(self, rows: NDArray[np.float32]) -> tuple[Image, dict[str, NDArray[np.float32]]]:
        """Animates by keypoints (K, 6); returns the prediction, and by name all maps of an explanation."""
        shape, n, side = self.pipeline.shape, self.pipeline.batch, self.pipeline.shape.motion_size
        sizes: dict[str, tuple[int, ...]] = {
            "deformation": (n, side, side, 2),
            "mask": (n, shape.num_kp + 1, side, side),
            **({"occlusion_map": (n, 1, side, side)} if shape.occludes else {}),
            **({"blend_mask": (n, 1, shape.size, shape.size)} if shape.blends else {}),
        }
        arrays = {name: self._device.allocate(size, np.float32) for name, size in sizes.items()}
        hosts = {name: self._device.pinned(size, np.float32) for name, size in sizes.items()}
        self._settle()
        self._keypoints_host[...] = rows
        self._begin(_Program("explain"))
        try:
            self._copy(self._keypoints_host, self.pipeline.keypoints)
            self.pipeline.animate(self._slot, self._transfer, **arrays, stream=self.stream)
            self._copy(self.pipeline.pictures, self._pictures_host)
            for name, array in arrays.items():
                self._copy(array, hosts[name])
        finally:
            self._settle()  # before these arrays are freed
        return self._pictures_host[0].copy(), {name: host[0].copy() for name, host in hosts.items()}

    def close(self) -> None:
        """Waits for queued work and releases everything."""
        try:
            self._settle()
        finally:
            self._replays.clear()
            self._inputs.clear()
            self._events.clear()
            self._latest = {}
            self._source = self._moved_by = None
            self._borrowed.clear()
            # The pipeline refers to this object; only the garbage collector would break the cycle.
            del self.pipeline, self._slot, self._trunks

    def _stage_ms(self) -> StageTimes:
        """Returns the stage times of the batch that has just finished; empty if it was not timed."""
        stages = [stage for stage in STAGES if stage in self._latest]
        return {
            stage: self._device.elapsed_ms(self._latest[before], self._latest[stage])
            for before, stage in zip(["begin", *stages], stages, strict=False)
        }

    def found(self) -> NDArray[np.float32]:
        """Waits for queued work; returns the keypoints (N, K, 6) of the latest batch."""
        self._settle()
        found: NDArray[np.float32] = self._keypoints_host.copy()
        return found

    def _take(self, images: Sequence[Image], region: Region) -> _Input:
        """Copies the used part of each frame into pinned memory."""
        self._settle()  # an earlier copy may still read it
        key = replace(region, x=0, y=0)
        given = self._inputs.get(key)
        if given is None:
            while len(self._inputs) >= SHAPES_KEPT:
                self._forget(next(iter(self._inputs)))
            size = (self.pipeline.batch, region.height, region.width, 3)
            given = _Input(self._device.pinned(size, np.uint8), self._device.allocate(size, np.uint8), key)
            self._inputs[key] = given
        self._inputs.move_to_end(key)
        for kept, image in zip(given.host, images, strict=False):
            kept[...] = image[region.y : region.y + region.height, region.x : region.x + region.width]
        return given

    def _forget(self, region: Region) -> None:
        """Frees buffers, events and graphs of frames of one shape."""
        for program in [program for program in self._events if program.region == region]:
            self._replays.pop(program, None)
            del self._events[program]
        del self._inputs[region]  # after the graphs that read its buffers

    def _animate(self) -> None:
        self.pipeline.animate(self._slot, self._transfer, stream=self.stream)
        self._copy(self.pipeline.pictures, self._pictures_host)
        self._copy(self.pipeline.keypoints, self._keypoints_host)
        self._record("download", self.stream)

    def _copy(self, source: Any, target: Any) -> None:
        self._busy = True
        self._device.copy(source, target, self.stream)

    def _borrow(self, picture: DevicePicture) -> None:
        """Keeps a picture until queued work is done, and makes this work wait for that of its owner."""
        self._borrowed.append(picture)
        if picture.owner_stream is not None:
            self._device.wait(self.stream, picture.owner_stream)

    def _settle(self) -> None:
        """Waits for queued work, if any."""
        if self._busy:
            self._device.synchronize(self.stream)
            self._busy = False
        self._borrowed.clear()

    def _begin(self, program: _Program) -> None:
        self._busy = True
        self._latest = self._events.setdefault(program, {})
        self._timed = program.timed
        self._record("begin", self.stream)

    def _record(self, stage: str, stream: Any) -> None:
        if self._timed:
            if stage not in self._latest:
                self._latest[stage] = self._device.event()
            self._device.record(self._latest[stage], stream)

    def _run(self, program: _Program, queue: Callable[[], None], begins: bool = True) -> None:
        """Queues work: by a replay if it has been captured, otherwise step by step."""

        def whole() -> None:
            if begins:
                self._begin(program)
            queue()

        replay = self._replays.get(program)
        if replay is not None:
            self._busy = True
            self._latest = self._events.get(program, {})
            replay()
            return
        comes_again = program in self._events
        whole()
        if self.eager_reason is not None or not comes_again:
            return
        # Capture after an eager run: engines and kernels allocate what they need in it.
        self._settle()
        try:
            if reason := self._trunks.why_not_captured(FRAME_TRUNKS, self.stream):
                raise BackendError(reason)
            self._replays[program] = self._device.capture(self.stream, whole)
        except BackendError as error:
            self.eager_reason = str(error)
            _log.warning("frames are animated step by step, which takes longer: %s", self.eager_reason)
