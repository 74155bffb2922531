"""The backend of the kernel path: sources, references and frames on one device, in frame streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.gpu.device_arrays import batch_of_one, device_picture, is_on_device
from fomm_rt.backends.gpu.frame_pipeline import LayoutTrunks, SourceTensors, keypoint_rows, keypoints_from_rows
from fomm_rt.backends.gpu.frame_stream import FrameStream
from fomm_rt.backends.protocol import BackendDescription, Explanation, PreparedReference, PreparedSource, StageTimes
from fomm_rt.errors import BackendError
from fomm_rt.framing import Region, resample
from fomm_rt.image import Image
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.manifest import Manifest
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import Transfer

BATCH_STREAMS = 2
"""While one of them computes, the other's frames come and go."""


@dataclass(frozen=True, eq=False)
class _Source(PreparedSource):
    """split: on the device."""

    split: SourceTensors


class GpuBackend:
    """See `fomm_rt.backends.protocol.Backend`. Frames may lie on the device and results be left there.

    Args:
        manifest: Of the model.
        device: Where to run; closed with the backend.
        trunks: The model's convolutions on it.
        storage: See `FramePipeline`.
        batch: Frames at a time that `animate_all` takes.
        description: What to say of it.
        captures: Whether to replay captured work.
    """

    takes_device_arrays = True

    def __init__(
        self,
        manifest: Manifest,
        device: Device,
        trunks: LayoutTrunks,
        storage: DTypeLike,
        batch: int,
        description: BackendDescription,
        captures: bool = True,
    ) -> None:
        self.batch = batch
        self._description = description
        self._size = manifest.size
        self._has_jacobians = manifest.has_jacobians
        self._device = device
        self._shape = FrameShape.of(manifest)
        self._trunks = trunks
        self._storage = storage
        self._captures = captures
        self._batch_streams: list[FrameStream] = []
        with device.current():
            self._frame_stream = self._new_frame_stream(1)

    @property
    def description(self) -> BackendDescription:
        """See `Backend.description`; says so if frames are not replayed."""
        given = self._description
        eager = self._frame_stream.eager_reason if hasattr(self, "_frame_stream") else None  # closed
        if eager is None:
            return given
        return BackendDescription(given.name, given.device, f"{given.reason}; without a CUDA graph: {eager}")

    def prepare_source(self, image: Image, region: Region) -> PreparedSource:
        """See `Backend.prepare_source`."""
        picture = resample(image, region, self._size).copy()
        with self._device.current():
            split, rows = self._frame_stream.prepare_source(picture)
        return _Source(picture, self._keypoints(rows), split)

    def prepare_reference(self, source: PreparedSource, transfer: Transfer) -> PreparedReference:
        """See `Backend.prepare_reference`."""
        return PreparedReference(source, transfer)

    def detect(self, image: Any, region: Region) -> Keypoints:
        """See `Backend.detect`; the image may lie on the device."""
        with self._device.current():
            if is_on_device(image):
                picture, other = device_picture(image, stream_handle(self._frame_stream.stream))
                return self._keypoints(self._frame_stream.detect_on_device(batch_of_one(picture), region, other))
            return self._keypoints(self._frame_stream.detect(image, region))

    def animate(
        self, reference: PreparedReference, image: Any, region: Region, out: Any, *, timed: bool = False
    ) -> StageTimes:
        """See `Backend.animate`; image and out may lie on the device, each by itself."""
        with self._device.current():
            self._use(self._frame_stream, reference)
            if is_on_device(image):
                picture, other = device_picture(image, stream_handle(self._frame_stream.stream))
                self._frame_stream.start_on_device(batch_of_one(picture), region, other, timed)
            else:
                self._frame_stream.start([image], region, timed)
            return self._finish(out)

    def animate_keypoints(
        self, reference: PreparedReference, keypoints: Keypoints, out: Any, *, timed: bool = False
    ) -> StageTimes:
        """See `Backend.animate_keypoints`; out may lie on the device."""
        with self._device.current():
            self._use(self._frame_stream, reference)
            self._frame_stream.start_keypoints(keypoint_rows(keypoints), timed)
            return self._finish(out)

    def animate_all(
        self, reference: PreparedReference, frames: Iterable[tuple[Image, Region]]
    ) -> Generator[Image, None, None]:
        """See `Backend.animate_all`."""
        if not self._batch_streams:
            with self._device.current():
                self._batch_streams = [self._new_frame_stream(self.batch) for _ in range(BATCH_STREAMS)]
        started: deque[tuple[FrameStream, int]] = deque()
        try:
            for frame_stream, (images, region) in zip(
                cycle(self._batch_streams), _batches(frames, self.batch), strict=False
            ):
                if len(started) == len(self._batch_streams):
                    yield from self._collect(*started.popleft())
                with self._device.current():
                    self._use(frame_stream, reference)
                    frame_stream.start(images, region)
                started.append((frame_stream, len(images)))
            while started:
                yield from self._collect(*started.popleft())
        finally:
            # Of a run that was left early; the next one finds its frame streams idle, or tells what is wrong with them.
            with self._device.current():
                for frame_stream, _ in started:
                    with suppress(BackendError):
                        frame_stream.finish([])

    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        """See `Backend.explain`."""
        with self._device.current():
            self._use(self._frame_stream, reference)
            prediction, maps = self._frame_stream.explain(keypoint_rows(keypoints))
        occlusion_map = maps.get("occlusion_map")
        return Explanation(
            prediction,
            reference.source.keypoints,
            keypoints,
            reference.transfer(keypoints),
            maps["deformation"],
            maps["mask"],
            None if occlusion_map is None else occlusion_map[0],
        )

    def close(self) -> None:
        """See `Backend.close`."""
        self._description = self.description
        frame_streams = [self._frame_stream, *self._batch_streams]
        self._batch_streams.clear()
        del self._frame_stream
        try:
            # What lies on the device goes before the device does, also where that is broken.
            with self._device.current():
                _close_all(frame_streams)
                del self._trunks
        finally:
            self._device.close()

    def _new_frame_stream(self, batch: int) -> FrameStream:
        return FrameStream(self._device, self._shape, self._trunks, self._storage, batch, self._captures)

    def _use(self, frame_stream: FrameStream, reference: PreparedReference) -> None:
        source = reference.source
        assert isinstance(source, _Source)
        frame_stream.use(source.split, reference.transfer)

    def _finish(self, out: Any) -> StageTimes:
        if is_on_device(out):
            picture, other = device_picture(out, stream_handle(self._frame_stream.stream), "out", written=True)
            return self._frame_stream.finish_on_device(picture, other)
        return self._frame_stream.finish([out])

    def _collect(self, frame_stream: FrameStream, count: int) -> Sequence[Image]:
        outs: list[Image] = list(np.empty((count, self._size, self._size, 3), np.uint8))
        with self._device.current():
            frame_stream.finish(outs)
        return outs

    def _keypoints(self, rows: NDArray[np.float32]) -> Keypoints:
        return keypoints_from_rows(rows, self._has_jacobians)


def _close_all(frame_streams: list[FrameStream]) -> None:
    """Closes every one and lets go of it; raises the first error."""
    errors = []
    while frame_streams:
        try:
            frame_streams.pop().close()
        except BackendError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _batches(frames: Iterable[tuple[Image, Region]], size: int) -> Iterator[tuple[list[Image], Region]]:
    """Neighbouring frames with the same region of as large a picture, at most `size` together."""
    images: list[Image] = []
    last: Region | None = None
    for image, region in frames:
        if images and (len(images) == size or region != last):
            assert last is not None
            yield images, last
            images = []
        images.append(image)
        last = region
    if images:
        assert last is not None
        yield images, last
