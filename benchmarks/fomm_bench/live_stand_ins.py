"""Stand-ins for the ends of a live session: a network of known time, and a camera and an output that number frames.

The camera draws its frame numbers into the picture, the network passes them on, and the output reads them. So the
order and the delays that a session reports can be compared with those of the frames that arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event
from time import perf_counter, sleep
from typing import Any

import numpy as np
from typing_extensions import override

from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.animator import Animator
from fomm_rt.backends.protocol import (
    Backend,
    BackendDescription,
    Explanation,
    PreparedReference,
    PreparedSource,
    StageTimes,
)
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import BackendError
from fomm_rt.framing import Region, resample
from fomm_rt.image import Image
from fomm_rt.live.cameras.protocol import Camera, CameraStream
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import CameraFrame, LiveFrame
from fomm_rt.live.outputs.protocol import Output
from fomm_rt.motion.keypoints import Keypoints


class TimedBackend(Backend):
    """A network that takes a known time, waits without using the CPU, and returns the driving frame.

    Args:
        size, num_kp: Of the model that it stands in for.
        seconds: Time of a frame.
    """

    takes_device_arrays = False
    batch = 1

    def __init__(self, size: int, num_kp: int, seconds: float) -> None:
        self.seconds = seconds
        self._size = size
        self._keypoints = Keypoints(
            np.linspace(-0.5, 0.5, 2 * num_kp, dtype=np.float32).reshape(num_kp, 2),
            np.tile(np.eye(2, dtype=np.float32), (num_kp, 1, 1)),
        )
        self._interruption = Event()

    @property
    @override
    def description(self) -> BackendDescription:
        return BackendDescription(
            "stand-in", f"a network of {self.seconds * 1e3:.0f} ms", "a measurement of the session"
        )

    @override
    def prepare_source(self, image: Image, region: Region) -> PreparedSource:
        self._wait(0.4 * self.seconds)
        return PreparedSource(resample(image, region, self._size).copy(), self._keypoints)

    @override
    def detect(self, image: Any, region: Region) -> Keypoints:
        return self._keypoints

    @override
    def animate(
        self, reference: PreparedReference, image: Any, region: Region, out: Any, *, timed: bool = False
    ) -> tuple[Keypoints, StageTimes]:
        self._wait(self.seconds)
        out[...] = resample(image, region, self._size)
        return self._keypoints, {}

    @override
    def animate_keypoints(
        self, reference: PreparedReference, keypoints: Keypoints, out: Any, *, timed: bool = False
    ) -> StageTimes:
        self._wait(self.seconds)
        out[...] = reference.source.image
        return {}

    @override
    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        count = len(keypoints.value) + 1
        deformation, mask = np.zeros((1, 8, 8, 2), np.float32), np.zeros((1, count, 8, 8), np.float32)
        return reference.explanation(
            reference.source.image, keypoints, {"deformation": deformation[0], "mask": mask[0]}
        )

    @override
    def interrupt(self) -> None:
        self._interruption.set()

    @override
    def close(self) -> None:
        self._interruption.set()

    def _wait(self, seconds: float) -> None:
        self._interruption.clear()
        if self._interruption.wait(seconds):
            raise BackendError("interrupted")


def timed_animator(seconds: float) -> Animator:
    """An animator with a network of known time and the frames of the bundled model. It does not search faces."""
    manifest = open_bundled_model().manifest
    manifest = replace(
        manifest,
        weights=replace(manifest.weights, origin="stand-in"),
        configuration={**manifest.configuration, "face_margin": None},
    )
    return Animator(manifest, TimedBackend(manifest.size, manifest.num_kp, seconds))


@dataclass
class NumberedCamera(Camera):
    """A camera that gives numbered pictures at exact times.

    Attributes:
        interval_s: Seconds between two pictures.
        count: Pictures until the end; None for no end.
        size: (width, height) in pixels.
        delay_s: Seconds until the first picture.
    """

    interval_s: float = 1 / 30
    count: int | None = None
    size: tuple[int, int] = (320, 240)
    delay_s: float = 0.0
    name: str = "numbered pictures"
    reconnects: bool = False
    patience_s: float | None = None

    @override
    def open(self) -> CameraStream:
        return _NumberedStream(self)


class _NumberedStream(CameraStream):
    interval_s = 0.0
    description = ""

    def __init__(self, camera: NumberedCamera) -> None:
        self._camera = camera
        self.interval_s = camera.interval_s
        self.description = f"{camera.name}, {1 / camera.interval_s:.0f} fps"
        self._start_s = perf_counter() + camera.delay_s
        self._number = 0

    @override
    def read(self) -> CameraFrame | None:
        if self._number == self._camera.count:
            return None
        due_s = self._start_s + self._number * self.interval_s
        sleep(max(due_s - perf_counter(), 0))
        frame = CameraFrame(self._number, due_s, numbered(self._number, *self._camera.size, in_square=True))
        self._number += 1
        return frame

    @override
    def close(self) -> None:
        """There is nothing to free."""


@dataclass
class NumberReader(Output):
    """An output that reads the numbers of frames.

    Attributes:
        records: As of `Output`.
        on_present: Called with each frame, for example to take time or to fail.
        frames: (number in the picture, its sequence, its capture time, time of presentation) of each.
    """

    records: bool = False
    on_present: Callable[[LiveFrame], None] = lambda _frame: None
    repeat_interval_s: float | None = None
    name: str = "reader of numbers"
    frames: list[tuple[int, int | None, float, float]] = field(default_factory=list)
    is_closed: bool = False

    @override
    def open(self, control: Control) -> None:
        self.control = control

    @override
    def present(self, frame: LiveFrame) -> None:
        self.on_present(frame)
        self.frames.append((number_of(frame.picture, in_square=True), frame.sequence, frame.captured_s, perf_counter()))

    @override
    def close(self) -> None:
        self.is_closed = True
