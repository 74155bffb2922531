"""Renders driving frames into a result: decoding, networks and encoding overlap.

One thread decodes ahead and one encodes behind; the networks run in the caller's thread. On a GPU they take a batch
of frames at a time, if the result shows the prediction alone.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import prod
from time import perf_counter

from fomm_rt.animator import Animator
from fomm_rt.backends.stage_clock import StageClock
from fomm_rt.clip.driving import Driving, DrivingFrame
from fomm_rt.clip.driving_square import DrivingSquare
from fomm_rt.clip.frame_renderer import FrameRenderer, View
from fomm_rt.clip.further_driver import FurtherDriver
from fomm_rt.clip.motion_file import MotionRecording, save_motion
from fomm_rt.clip.overlap import ReadAhead, WriteBehind
from fomm_rt.clip.pasting import PastedPicture
from fomm_rt.clip.reference import BestFrame, PoseHold, ReferenceSearch
from fomm_rt.clip.result_size import Scaling
from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedOutput
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.motion.smoothing import KeypointFilter

Progress = Callable[[str, int, "int | None"], None]
"""Called with the name of the step, the number of frames done, and the number of all frames where known."""

FRAMES_AHEAD = 2
"""Decoded and drawn frames that may wait for the next stage: enough to even out slow frames.

With batches, the size of a batch if that is more, because their frames come and go together."""

LARGE_PIXELS = 4096 * 2304
"""Of frames larger than this, one may wait."""

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class Result:
    """The result files and their options.

    Attributes:
        target: The video or pictures.
        motion_target: The motion file, if any.
        view: What a frame shows.
        audio: True to keep the sound of the driving video.
        scaling: Gives a frame its size.
        quality: As in `VideoWriter`.
    """

    target: VideoTarget
    motion_target: StagedOutput | None
    view: View
    audio: bool
    scaling: Scaling
    quality: int | None


@dataclass(frozen=True)
class Rendered:
    """The report of `render`; for the attributes see `AnimationReport`."""

    frames: int
    duration: Fraction | None
    seconds: float
    reference_frame: int | None
    left_out: tuple[str, ...]
    stage_s: dict[str, float]


@dataclass(frozen=True)
class Cast:
    """Sources and drivers beyond the animator's source and the driving frames.

    Attributes:
        picture: The source picture, (H, W, 3) uint8 RGB, if animated faces are pasted back into it.
        framings: Its squares that are animated.
        faces: The driver's face, if it was searched.
        further: Drivers of its second face and so on, with their squares; without them, one driver moves all faces.
        smooth: Strength of the smoothing of keypoints, 0 to 1.
    """

    picture: Image | None = None
    framings: Sequence[Framing] = ()
    faces: DrivingSquare | None = None
    further: Sequence[tuple[Driving, Framing, DrivingSquare | None]] = ()
    smooth: float = 0.0


def render(
    animator: Animator,
    driving: Driving,
    result: Result,
    best_frame: BestFrame | None,
    progress: Progress,
    cast: Cast | None = None,
    preview: Callable[[Image], None] = lambda _picture: None,
) -> Rendered:
    """Animates the animator's source by all driving frames and writes the result; `preview` sees each frame of it.

    Raises:
        FommError: See `animate_file`.
    """
    start = perf_counter()
    cast = cast or Cast()
    clock = StageClock("decode", "networks", "drawing", "encode", "waiting")
    left_out = driving.left_out(audio=result.audio)
    if left_out:
        _log.warning("%s: the result leaves out %s", driving.path, joined(left_out))
    search = ReferenceSearch(animator, best_frame, cast.faces)
    # Pasting needs the reference before the first frame; without pasting, the first frame can become the reference.
    reference = _prepare_reference(search, driving, cast.picture is not None, clock, progress)
    target, recording = result.target, None
    if result.motion_target is not None:
        recording = MotionRecording(animator.manifest.weights.identity, driving.timing.time_base)
    with clock("networks"):
        renderer = _renderer(animator, result.view, clock, recording, cast)
    audio_from = driving.audio_from if result.audio else None
    with target.open(driving.timing, audio_from, quality=result.quality, part=driving.part) as writer:
        count = 0
        in_batches = animator.batch > 1 and renderer.shows_predictions_alone and driving.weights is None
        depth = max(frames_ahead(driving, cast.picture), animator.batch if in_batches else 1)

        def write_scaled(picture: Image, time: Fraction) -> None:
            writer.write(result.scaling(picture), time)

        ahead, write = ReadAhead(driving, depth), WriteBehind(write_scaled, depth)
        with ahead, write:
            frames: Iterator[DrivingFrame] = ahead
            is_open = animator.relative and animator.reference is None
            if is_open and (first := next(ahead, None)) is not None:
                # By default the first frame becomes the reference when it is animated, which saves a pass.
                reference = first
                if not search.may_be_first(first):
                    reference = _look_for_reference(search, driving, clock, progress)
                frames = chain([first], ahead)
                del first
            hold = PoseHold(animator, reference)
            del reference  # a frame may be large
            frames = map(hold, frames)
            rendered = (
                _render_batches(renderer, frames, ahead)
                if in_batches
                else ((renderer(frame), frame.time) for frame in frames)
            )
            with closing(rendered):  # if the run fails, this waits for batches under way
                for count, (picture, time) in enumerate(rendered, start=1):
                    preview(picture)
                    write(picture, time)
                    progress("animating", count, driving.timing.frame_count)
        with clock("encode"):
            writer.commit()
    clock.add("decode", ahead.busy_s)
    clock.add("encode", write.busy_s)
    clock.add("waiting", ahead.waiting_s + write.waiting_s)
    _save_recording(recording, result, driving, count)
    if (note := hold.note()) is not None:
        _log.warning("%s: %s", driving.path, note)
    stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in clock.seconds.items())
    _log.debug("%s: %d frames; %s", target.path, count, stages)
    left_out = (*left_out, *writer.left_out)
    return Rendered(count, driving.timing.duration, perf_counter() - start, hold.reference, left_out, clock.seconds)


def frames_ahead(driving: Driving, picture: Image | None = None) -> int:
    """How many frames may wait; `picture` is the one that animated faces are pasted into."""
    pixels = 0 if picture is None else picture.shape[0] * picture.shape[1]
    if driving.frame_size is not None:
        pixels = max(pixels, prod(driving.frame_size))
    return 1 if pixels > LARGE_PIXELS else FRAMES_AHEAD


def _save_recording(recording: MotionRecording | None, result: Result, driving: Driving, frames: int) -> None:
    if recording is None or result.motion_target is None:
        return
    motion = recording.motion(driving.timing.rate, driving.timing.last_duration_after(frames))
    try:
        save_motion(result.motion_target, motion)
    except OutputError as error:
        raise OutputError(f"{result.target.path} is written, the motion file is not: {error}") from error


def joined(nouns: Sequence[str]) -> str:
    """Joins nouns to "a, b and c"."""
    return " and ".join([", ".join(nouns[:-1]), nouns[-1]] if len(nouns) > 1 else nouns)


def _prepare_reference(
    search: ReferenceSearch, driving: Driving, at_once: bool, clock: StageClock, progress: Progress
) -> DrivingFrame | None:
    """Returns the reference frame if it is needed at once or requested; else, and in absolute mode, None."""
    search.animator.clear_reference()
    if search.animator.relative:
        is_needed = at_once or search.best_frame is not None
        return _look_for_reference(search, driving, clock, progress) if is_needed else None
    if search.best_frame is not None:
        _log.warning("absolute motion has no reference frame; the choice of one is ignored")
    return None


def _look_for_reference(
    search: ReferenceSearch, driving: Driving, clock: StageClock, progress: Progress
) -> DrivingFrame:
    """Sets the reference; decodes ahead meanwhile."""
    total = driving.timing.frame_count
    start = perf_counter()
    with ReadAhead(driving, frames_ahead(driving)) as ahead:
        looking = "looking for the reference frame"
        frame = search.set_reference(ahead, driving.path, lambda done: progress(looking, done, total))
    clock.add("networks", perf_counter() - start - ahead.waiting_s)
    clock.add("decode", ahead.busy_s)
    clock.add("waiting", ahead.waiting_s)
    return frame


def _renderer(
    animator: Animator, view: View, clock: StageClock, recording: MotionRecording | None, cast: Cast
) -> FrameRenderer:
    def smoothing() -> KeypointFilter | None:
        return KeypointFilter(cast.smooth) if cast.smooth else None

    further = [FurtherDriver(animator, *other, smoothing()) for other in cast.further]
    pasted = None
    if cast.picture is not None:
        references = [animator.reference] * len(cast.framings)
        if animator.relative:
            references[1 : 1 + len(further)] = [animator.prepare_reference(other.reference()) for other in further]
        pasted = PastedPicture(animator, cast.picture, cast.framings, references)
    return FrameRenderer(animator, view, clock, recording, smoothing(), pasted, further)


def _render_batches(
    renderer: FrameRenderer, frames: Iterable[DrivingFrame], ahead: ReadAhead[DrivingFrame]
) -> Generator[tuple[Image, Fraction], None, None]:
    """Yields predictions with the times of their frames; the animator takes several frames before it yields one.

    `ahead` is what reads the frames.
    """
    recording, clock = renderer.recording, renderer.clock
    times: deque[Fraction] = deque()

    def pictures() -> Iterator[Image]:
        for frame in frames:
            assert frame.pixels is not None
            times.append(frame.time)
            yield frame.pixels

    animated = renderer.animator.animate_all_tracked(pictures())
    try:
        while True:
            start = perf_counter() - ahead.waiting_s
            frame = next(animated, None)
            # Time spent waiting for the decoder meanwhile counts as waiting.
            clock.add("networks", perf_counter() - ahead.waiting_s - start)
            if frame is None:
                return
            time = times.popleft()
            if recording is not None:
                recording.add(frame.kp_driving, time)
            yield frame.prediction, time
    finally:
        animated.close()
