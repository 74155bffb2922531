"""The backend that runs the kernel path on a GPU, in frame streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import override

from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.gpu.device_arrays import DevicePicture, device_picture, is_on_device
from fomm_rt.backends.gpu.frame_pipeline import LayoutTrunks, SourceTensors, keypoint_rows, keypoints_from_rows
from fomm_rt.backends.gpu.frame_stream import FrameStream
from fomm_rt.backends.protocol import (
    Backend,
    BackendDescription,
    Explanation,
    PreparedReference,
    PreparedSource,
    StageTimes,
)
from fomm_rt.errors import BackendError, ModelError
from fomm_rt.framing import Region, resample
from fomm_rt.image import Image
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.manifest import Manifest
from fomm_rt.motion.keypoints import Keypoints

BATCH_STREAMS = 2
"""While one of them computes, the other uploads and downloads."""


@dataclass(frozen=True, eq=False)
class _Source(PreparedSource):
    """A source with its tensors on the device."""

    tensors: SourceTensors


class GpuBackend(Backend):
    """Runs the kernel path on one device; frames and results may be arrays on it.

    Every call that finds keypoints raises ModelError if they are not finite.

    Args:
        manifest, description: Of the model and the backend.
        device: The device to run on; closed with the backend.
        trunks, storage, captures: As for `FrameStream`.
        batch: Frames that `animate_all` takes at a time.
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
        self._name = manifest.name
        self._size = manifest.size
        self._has_jacobians = manifest.has_jacobians
        self._device = device
        self._trunks = trunks
        self._new_frame_stream = partial(
            FrameStream, device, FrameShape.of(manifest), trunks, storage, captures=captures
        )
        self._batch_streams: list[FrameStream] = []
        with device.current():
            self._frame_stream = self._new_frame_stream(batch=1)

    @property
    @override
    def description(self) -> BackendDescription:
        given = self._description
        eager = self._frame_stream.eager_reason if hasattr(self, "_frame_stream") else None  # closed
        return replace(given, reason=f"{given.reason}; without a CUDA graph: {eager}") if eager else given

    @override
    def prepare_source(self, image: Image, region: Region) -> PreparedSource:
        picture = resample(image, region, self._size).copy()
        with self._device.current():
            tensors, rows = self._frame_stream.prepare_source(picture)
        return _Source(picture, self._keypoints(rows), tensors)

    @override
    def detect(self, image: Any, region: Region) -> Keypoints:
        with self._device.current():
            if is_on_device(image):
                return self._keypoints(self._frame_stream.detect_on_device(self._picture(image), region))
            return self._keypoints(self._frame_stream.detect(image, region))

    @override
    def animate(
        self, reference: PreparedReference, image: Any, region: Region, out: Any, *, timed: bool = False
    ) -> tuple[Keypoints, StageTimes]:
        with self._device.current():
            target = self._target(out)
            self._use(self._frame_stream, reference)
            if is_on_device(image):
                self._frame_stream.start_on_device(self._picture(image), region, timed)
            else:
                self._frame_stream.start([image], region, timed)
            stage_ms = self._finish(target)
            return self._keypoints(self._frame_stream.found()[0]), stage_ms

    @override
    def animate_keypoints(
        self, reference: PreparedReference, keypoints: Keypoints, out: Any, *, timed: bool = False
    ) -> StageTimes:
        with self._device.current():
            target = self._target(out)
            self._use(self._frame_stream, reference)
            self._frame_stream.start_keypoints(keypoint_rows(keypoints), timed)
            return self._finish(target)

    @override
    def animate_all(
        self, reference: PreparedReference, frames: Iterable[tuple[Image, Region]]
    ) -> Generator[tuple[Image, Keypoints], None, None]:
        if not self._batch_streams:
            with self._device.current():
                self._batch_streams = [self._new_frame_stream(batch=self.batch) for _ in range(BATCH_STREAMS)]
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
            # If the caller stops early, leave the frame streams idle; an error shows in the next run. The backend may
            # have been closed in the meantime.
            with suppress(BackendError), self._device.current():
                for frame_stream, _ in started:
                    with suppress(BackendError):
                        frame_stream.finish([])

    @override
    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        with self._device.current():
            self._use(self._frame_stream, reference)
            prediction, maps = self._frame_stream.explain(keypoint_rows(keypoints))
        return reference.explanation(prediction, keypoints, maps)

    @override
    def close(self) -> None:
        self._description = self.description
        frame_streams = [self._frame_stream, *self._batch_streams]
        # Free memory of the device before the device, even if it is broken.
        with ExitStack() as closing:
            closing.callback(self._device.close)
            closing.enter_context(self._device.current())
            closing.callback(self._trunks.close)
            while frame_streams:
                closing.callback(frame_streams.pop().close)
            self._batch_streams.clear()
            del self._frame_stream, self._new_frame_stream, self._trunks

    def _use(self, frame_stream: FrameStream, reference: PreparedReference) -> None:
        source = reference.source
        assert isinstance(source, _Source)
        frame_stream.use(source.tensors, reference.transfer)

    def _picture(self, image: Any) -> DevicePicture:
        return device_picture(image, self._device, self._frame_stream.stream)

    def _target(self, out: Any) -> Any:
        """Checks an array on the GPU that receives a prediction, before anything is queued."""
        if not is_on_device(out):
            return out
        return device_picture(out, self._device, self._frame_stream.stream, "out", written=True)

    def _finish(self, target: Any) -> StageTimes:
        if isinstance(target, DevicePicture):
            return self._frame_stream.finish_on_device(target)
        return self._frame_stream.finish([target])

    def _collect(self, frame_stream: FrameStream, count: int) -> list[tuple[Image, Keypoints]]:
        """The predictions and keypoints of a batch, when it is done."""
        outs: list[Image] = list(np.empty((count, self._size, self._size, 3), np.uint8))
        with self._device.current():
            frame_stream.finish(outs)
            rows = frame_stream.found()
        return [(out, self._keypoints(row)) for out, row in zip(outs, rows, strict=False)]

    def _keypoints(self, rows: NDArray[np.float32]) -> Keypoints:
        # Weights were checked when the engines were built; half precision may still overflow.
        if not np.isfinite(rows).all():
            raise ModelError(
                f"{self._name}: its keypoints are not finite numbers, so its weights or engines are damaged; export "
                "the model and build the engines again"
            )
        return keypoints_from_rows(rows, self._has_jacobians)


def _batches(frames: Iterable[tuple[Image, Region]], size: int) -> Iterator[tuple[list[Image], Region]]:
    """Groups consecutive frames of the same region, at most `size` of them."""
    for region, group in groupby(frames, itemgetter(1)):
        while batch := list(islice(group, size)):
            yield [image for image, _ in batch], region
