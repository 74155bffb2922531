"""A driver whose keypoints were found once, for many sources.

A motion file holds keypoints alone. Here what else the pictures decide is kept too: the square, the contrast of each
frame, and the faces that the search for a reference looks at. So a result is the same as with the pictures.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from weakref import ReferenceType, ref

import numpy as np
from typing_extensions import override

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import Driving, DrivingFrame, Seen, open_driving
from fomm_rt.clip.driving_square import DrivingSquare, choose_driving_framing, driving_framed
from fomm_rt.clip.frame_renderer import View
from fomm_rt.clip.motion_file import MOST_FRAMES, Motion
from fomm_rt.clip.overlap import ReadAhead
from fomm_rt.clip.reference import BestFrame, ReferenceSearch
from fomm_rt.errors import StateError
from fomm_rt.faces.framing import AnyFraming
from fomm_rt.framing import Framing
from fomm_rt.media.part import Seconds
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.warnings_of_work import collected_warnings

_FRAMES_AHEAD = 2
_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class DriverRequest:
    """A driver and the options that decide its keypoints.

    Attributes:
        path: The video or picture.
        framing: The square of its frames.
        start_s, duration_s, max_pixels: As in `animate_file`.
        is_auto: True if "auto" may choose the reference, which looks for faces in all frames.
    """

    path: Path
    framing: AnyFraming
    start_s: Seconds = 0
    duration_s: Seconds | None = None
    max_pixels: int | None = None
    is_auto: bool = False


@dataclass(frozen=True)
class RecordedFrames(Driving):
    """Frames that hold recorded keypoints, and what their file said.

    Attributes:
        size: Height and width of the pictures.
        seen: What each of them showed.
        lost: Its skipped packets and missing frames.
        left: What a result leaves out, without sound and with it.
    """

    size: tuple[int, int] | None = None
    seen: tuple[Seen, ...] = ()
    lost: tuple[int, int] = (0, 0)
    left: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    @override
    def frame_size(self) -> tuple[int, int] | None:
        return self.size

    @property
    @override
    def skipped_packets(self) -> int:
        return self.lost[0]

    @property
    @override
    def missing_frames(self) -> int:
        return self.lost[1]

    @override
    def left_out(self, *, audio: bool) -> tuple[str, ...]:
        return self.left[audio]

    @override
    def __iter__(self) -> Iterator[DrivingFrame]:
        assert isinstance(self.source, Motion)
        for index, (time, keypoints, seen) in enumerate(zip(self.source.times, self.source, self.seen, strict=True)):
            yield DrivingFrame(index, time, keypoints, seen=seen)


class RecordedDriver:
    """The keypoints of a driver, found by one animator, about 500 bytes a frame. Made by `record_driver`.

    Attributes:
        path: The driver.
        frames: Its frames.
        square: The framing of its frames, and where the face is, if it was looked for.
        warnings: What was said about it.
    """

    def __init__(
        self,
        request: DriverRequest,
        animator: Animator,
        frames: RecordedFrames,
        square: tuple[Framing, DrivingSquare | None],
        warnings: list[str],
    ) -> None:
        self.path = request.path
        self.frames = frames
        self.square = square
        self.warnings = warnings
        self._request = request
        self._animator: ReferenceType[Animator] = ref(animator)

    def frames_for(
        self,
        animator: Animator | None,
        view: View,
        best_frame: BestFrame | None,
        start_s: Seconds,
        duration_s: Seconds | None,
        max_pixels: int | None,
    ) -> Driving:
        """The frames, for a result with these options of `animate_file`; repeats the warnings of the recording.

        Raises:
            StateError: The recording belongs to another animator or to other options, or the view shows the pictures.
        """
        if animator is None or animator is not self._animator():
            raise StateError("another animator recorded this driver; pass the one that did")
        if view != "result":
            raise StateError(f"a recorded driver has no pictures to show; expected the view result, got {view}")
        is_auto = self._request.is_auto or best_frame == "auto"
        wanted = DriverRequest(self.path, animator.driving_framing, start_s, duration_s, max_pixels, is_auto)
        if wanted != self._request:
            raise StateError(f"{self.path} was recorded with other options: {self._request}; expected {wanted}")
        for warning in self.warnings:
            _log.warning("%s", warning)
        return self.frames


def record_driver(
    animator: Animator,
    request: DriverRequest,
    progress: Callable[[str, int, int | None], None] = lambda _stage, _done, _total: None,
) -> RecordedDriver | None:
    """Finds the keypoints of all frames of a video or picture.

    The animator frames driving frames as before afterwards.

    Returns:
        None for a driver of more than `MOST_FRAMES` frames.

    Raises:
        MediaError, ImageError: As `animate_file` raises them for such a driver.
    """
    with (
        collected_warnings() as warnings,
        open_driving(request.path, request.start_s, request.duration_s, max_pixels=request.max_pixels) as driving,
    ):
        total = driving.timing.frame_count
        square = choose_driving_framing(
            request.framing,
            animator.manifest.face_margin,
            driving,
            lambda done: progress("looking for the face", done, total),
        )
        search = ReferenceSearch(animator, "auto" if request.is_auto else None, square[1])
        recording = _Recording(search)
        with driving_framed(animator, square[0]), ReadAhead(driving, _FRAMES_AHEAD) as ahead:
            for count, frame in enumerate(ahead, start=1):
                if count > MOST_FRAMES:
                    return None
                recording.add(frame)
                progress("finding the driver's keypoints", count, total)
        return RecordedDriver(request, animator, recording.frames(driving), square, warnings)


class _Recording:
    """Takes the frames of a driver, one after the other."""

    def __init__(self, search: ReferenceSearch) -> None:
        self._search = search
        self._follow = search.follower()
        self._num_kp = 0
        self._values, self._jacobians = array("f"), array("f")
        self._times: list[Fraction] = []
        self._seen: list[Seen] = []

    def add(self, frame: DrivingFrame) -> None:
        seen = self._search.look(frame, self._follow)
        if self._search.best_frame is None and self._search.may_serve(seen):
            self._follow = None  # the search ends here, and no later frame is looked at
        keypoints = frame.find_keypoints(self._search.animator.keypoints)
        self._add_keypoints(keypoints)
        self._times.append(frame.time)
        self._seen.append(seen)

    def frames(self, driving: Driving) -> RecordedFrames:
        value = np.frombuffer(self._values, np.float32).reshape(-1, self._num_kp, 2)
        jacobian = None
        if self._jacobians:
            jacobian = np.frombuffer(self._jacobians, np.float32).reshape(-1, self._num_kp, 2, 2)
        identity = self._search.animator.manifest.weights.identity
        timing = driving.timing
        motion = Motion(value, jacobian, tuple(self._times), timing.rate, timing.last_duration, identity)
        return RecordedFrames(
            driving.path,
            timing,
            driving.audio_from,
            identity,
            motion,
            driving.part,
            driving.frame_size,
            tuple(self._seen),
            (driving.skipped_packets, driving.missing_frames),
            (driving.left_out(audio=False), driving.left_out(audio=True)),
        )

    def _add_keypoints(self, keypoints: Keypoints) -> None:
        self._num_kp = len(keypoints.value)
        self._values.frombytes(np.ascontiguousarray(keypoints.value, np.float32).tobytes())
        if keypoints.jacobian is not None:
            self._jacobians.frombytes(np.ascontiguousarray(keypoints.jacobian, np.float32).tobytes())
