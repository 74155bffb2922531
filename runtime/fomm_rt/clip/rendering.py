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
from time import perf_counter
from typing import Literal

from fomm_rt.animator import Animator
from fomm_rt.backends.stage_clock import StageClock
from fomm_rt.clip.driving import Driving, DrivingFrame
from fomm_rt.clip.motion_file import MotionRecording, save_motion
from fomm_rt.clip.overlap import ReadAhead, WriteBehind
from fomm_rt.clip.reference import BestFrame, PoseHold, is_usable, set_reference
from fomm_rt.clip.result_size import Scaling
from fomm_rt.clip.views import explanation_view, panel
from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedOutput
from fomm_rt.image import Image
from fomm_rt.media.write.video_writer import VideoTarget

View = Literal["result", "panel", "explain"]
"""What a frame of the result shows: the prediction, `views.panel` or `views.explanation_view`."""

Progress = Callable[[str, int, "int | None"], None]
"""Called with the name of the step, the number of frames done, and the number of all frames where known."""

FRAMES_AHEAD = 2
"""Decoded frames, and drawn ones, that may wait for the next stage: enough to even out slow frames.

With batches, the size of a batch if that is more, because their frames come and go together."""

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class Result:
    """What is written, and how.

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
    """What `render` did; for the attributes see `AnimationReport`."""

    frames: int
    duration: Fraction | None
    seconds: float
    reference_frame: int | None
    left_out: tuple[str, ...]
    stage_s: dict[str, float]


def render(
    animator: Animator, driving: Driving, result: Result, best_frame: BestFrame | None, progress: Progress
) -> Rendered:
    """Animates the animator's source by all driving frames and writes the result.

    Raises:
        FommError: See `animate_file`.
    """
    start = perf_counter()
    clock = StageClock("decode", "networks", "drawing", "encode", "waiting")
    left_out = driving.left_out(audio=result.audio)
    if left_out:
        _log.warning("%s: the result leaves out %s", driving.path, joined(left_out))
    reference = _prepare_reference(animator, driving, best_frame, clock, progress)
    target, view, recording = result.target, result.view, None
    if result.motion_target is not None:
        recording = MotionRecording(animator.manifest.weights.identity, driving.timing.time_base)
    audio_from = driving.audio_from if result.audio else None
    with target.open(driving.timing, audio_from, quality=result.quality, part=driving.part) as writer:
        count = 0
        in_batches = animator.batch > 1 and view == "result" and recording is None and driving.weights is None
        depth = max(FRAMES_AHEAD, animator.batch) if in_batches else FRAMES_AHEAD

        def write_scaled(picture: Image, time: Fraction) -> None:
            writer.write(result.scaling(picture), time)

        ahead, write = ReadAhead(driving, depth), WriteBehind(write_scaled, depth)
        with ahead, write:
            frames: Iterator[DrivingFrame] = ahead
            if animator.relative and best_frame is None and (first := next(ahead, None)) is not None:
                # By default the first frame becomes the reference when it is animated, which saves a pass.
                usable = is_usable(animator, first)
                reference = first if usable else _look_for_reference(animator, driving, None, clock, progress)
                frames = chain([first], ahead)
                del first
            hold = PoseHold(animator, reference)
            del reference  # a frame may be large
            frames = map(hold, frames)
            rendered = (
                _render_batches(animator, frames, ahead, clock)
                if in_batches
                else ((_render(animator, frame, view, recording, clock), frame.time) for frame in frames)
            )
            with closing(rendered):  # if the run fails, this waits for batches under way
                for picture, time in rendered:
                    write(picture, time)
                    count += 1
                    progress("animating", count, driving.timing.frame_count)
        with clock("encode"):
            writer.commit()
    clock.add("decode", ahead.busy_s)
    clock.add("encode", write.busy_s)
    clock.add("waiting", ahead.waiting_s + write.waiting_s)
    if recording is not None and result.motion_target is not None:
        motion = recording.motion(driving.timing.rate, driving.timing.last_duration_after(count))
        try:
            save_motion(result.motion_target, motion)
        except OutputError as error:
            raise OutputError(f"{target.path} is written, the motion file is not: {error}") from error
    if (note := hold.note()) is not None:
        _log.warning("%s: %s", driving.path, note)
    stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in clock.seconds.items())
    _log.debug("%s: %d frames; %s", target.path, count, stages)
    left_out = (*left_out, *writer.left_out)
    return Rendered(count, driving.timing.duration, perf_counter() - start, hold.reference, left_out, clock.seconds)


def joined(nouns: Sequence[str]) -> str:
    """Joins nouns to "a, b and c"."""
    return " and ".join([", ".join(nouns[:-1]), nouns[-1]] if len(nouns) > 1 else nouns)


def _prepare_reference(
    animator: Animator, driving: Driving, best_frame: BestFrame | None, clock: StageClock, progress: Progress
) -> DrivingFrame | None:
    """Returns the reference frame if one is asked for, otherwise and in absolute mode None."""
    animator.clear_reference()
    if animator.relative:
        return None if best_frame is None else _look_for_reference(animator, driving, best_frame, clock, progress)
    if best_frame is not None:
        _log.warning("absolute motion has no reference; the best frame is not looked for")
    return None


def _look_for_reference(
    animator: Animator, driving: Driving, best_frame: BestFrame | None, clock: StageClock, progress: Progress
) -> DrivingFrame:
    """Sets the reference, see `set_reference`; decodes ahead meanwhile."""
    total = driving.timing.frame_count
    start = perf_counter()
    with ReadAhead(driving, FRAMES_AHEAD) as ahead:
        frame = set_reference(
            animator,
            ahead,
            best_frame,
            driving.path,
            lambda done: progress("looking for the reference frame", done, total),
        )
    clock.add("networks", perf_counter() - start - ahead.waiting_s)
    clock.add("decode", ahead.busy_s)
    clock.add("waiting", ahead.waiting_s)
    return frame


def _render(
    animator: Animator, frame: DrivingFrame, view: View, recording: MotionRecording | None, clock: StageClock
) -> Image:
    driving = frame.driving
    if recording is not None:
        # The detector runs once: its keypoints are recorded and animate.
        with clock("networks"):
            driving = frame.find_keypoints(animator.keypoints)
        recording.add(driving, frame.time)
    if view == "explain":
        with clock("networks"):
            explanation = animator.explain(driving)
        with clock("drawing"):
            seen = _seen(animator, frame)
            return explanation_view(animator.source_image, seen, explanation, animator.manifest.align_corners)
    with clock("networks"):
        prediction = animator.animate(driving)
    if view == "result":
        return prediction
    with clock("drawing"):
        return panel(animator.source_image, _seen(animator, frame), prediction)


def _seen(animator: Animator, frame: DrivingFrame) -> Image | None:
    """The square of a driving frame to show; None for a motion file."""
    picture = frame.pixels if frame.shown is None else frame.shown
    return None if picture is None else animator.frame_driving(picture)


def _render_batches(
    animator: Animator, frames: Iterable[DrivingFrame], ahead: ReadAhead[DrivingFrame], clock: StageClock
) -> Generator[tuple[Image, Fraction], None, None]:
    """Yields predictions with the times of their frames; `animate_all` takes several frames before it yields one.

    `ahead` is what reads the frames.
    """
    times: deque[Fraction] = deque()

    def pictures() -> Iterator[Image]:
        for frame in frames:
            assert frame.pixels is not None
            times.append(frame.time)
            yield frame.pixels

    predictions = animator.animate_all(pictures())
    try:
        while True:
            start = perf_counter() - ahead.waiting_s
            prediction = next(predictions, None)
            # Time spent waiting for the decoder meanwhile counts as waiting.
            clock.add("networks", perf_counter() - ahead.waiting_s - start)
            if prediction is None:
                return
            yield prediction, times.popleft()
    finally:
        predictions.close()
