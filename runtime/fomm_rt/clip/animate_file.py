"""The offline run: a source file, a driving file, a result file; one output frame for every input frame.

Frames are decoded ahead in a thread of their own and encoded behind in another; the networks run in the caller's, on a
GPU a batch at a time where a frame of the result is the prediction and nothing else is wanted of it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Literal

from fomm_rt.animator import Animator
from fomm_rt.backends.stage_clock import StageClock
from fomm_rt.clip.best_frame import BestFrame, find_reference
from fomm_rt.clip.driving import Driving, DrivingFrame, open_driving
from fomm_rt.clip.motion_file import MotionRecording, save_motion
from fomm_rt.clip.pipeline import ReadAhead, WriteBehind
from fomm_rt.clip.views import explanation_view, panel
from fomm_rt.errors import OutputError
from fomm_rt.files.staging import check_target
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.video_writer import check_output, open_writer

View = Literal["result", "panel", "explain"]
"""What a frame of the result shows: the prediction; source, driving and prediction; or `views.explanation_view`."""

Progress = Callable[[str, int, "int | None"], None]
"""Called with what is going on, the number of frames done and, where known, of all frames."""

Rendered = Generator[tuple[Image, Fraction], None, None]
"""Frames of the result with their times."""

FRAMES_AHEAD = 2
"""Decoded frames, and drawn ones, that wait for the next stage at most: enough to even out slow ones, few to hold.

Where frames are animated in batches, as many as a batch, which come and go at once."""

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class AnimationReport:
    """What a run did.

    Attributes:
        output: The result.
        frames: In the result, as many as the driving side had.
        seconds: Wall-clock time from the first frame read to the result in place.
        fps: frames / seconds.
        reference_frame: Number of the driving frame that relative motion counted from; None in absolute mode.
        skipped_packets: Broken packets of the driving video.
        missing_frames: Frames that a damaged driving video announces and does not hold, about; 0 where unknown.
        stage_s: How long each stage was busy: "decode" and "encode", which overlap the others, and "networks",
            "drawing" (of a view) and "waiting" (for decoder or encoder), which make up most of `seconds`.
    """

    output: Path
    frames: int
    seconds: float
    fps: float
    reference_frame: int | None
    skipped_packets: int
    missing_frames: int
    stage_s: dict[str, float]


def animate_file(
    animator: Animator,
    source: Path,
    driving: Path,
    output: Path,
    *,
    best_frame: BestFrame | None = None,
    view: View = "result",
    audio: bool = True,
    motion_output: Path | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> AnimationReport:
    """Animates a picture by a video and writes the result, whole or not at all.

    Args:
        animator: An open animator; its source and reference are replaced.
        source: A picture (of a video, the first frame is taken).
        driving: A video, a picture or a motion file.
        output: The result; its ending chooses the format.
        best_frame: The reference of relative motion: a frame's number or "auto"; the first by default.
        view: What a frame of the result shows.
        audio: Whether the driving video's sound goes along.
        motion_output: Where to write the driving keypoints as a motion file.
        progress: Told of every frame.

    Raises:
        MediaError, MotionError, ImageError: An input cannot be used.
        OutputError: The result, or after it the motion file, cannot be written.
        BackendError: The networks failed.
    """
    check_outputs(source, driving, output, motion_output)
    picture = read_picture(source)
    with open_driving(driving) as frames:
        _check_weights(animator, frames, driving)
        animator.set_source(picture)
        start = perf_counter()
        clock = StageClock("decode", "networks", "drawing", "encode", "waiting")
        reference = _set_reference(animator, frames, best_frame, clock, progress)
        recording = None
        if motion_output is not None:
            recording = MotionRecording(animator.manifest.weights.identity, frames.timing.time_base)
        with open_writer(output, frames.timing, frames.audio_from if audio else None) as writer:
            count = 0
            in_batches = animator.batch > 1 and view == "result" and recording is None and frames.weights is None
            depth = max(FRAMES_AHEAD, animator.batch) if in_batches else FRAMES_AHEAD
            ahead, write = ReadAhead(frames, depth), WriteBehind(writer.write, depth)
            with ahead, write:
                if in_batches:
                    rendered = _render_batches(animator, ahead, clock)
                else:
                    rendered = _render_each(animator, ahead, view, recording, clock)
                with closing(rendered):  # of a run that fails, batches under way are waited for here
                    for picture, time in rendered:
                        write(picture, time)
                        count += 1
                        progress("animating", count, frames.timing.frame_count)
            with clock("encode"):
                writer.commit()
        clock.add("decode", ahead.busy_s)
        clock.add("encode", write.busy_s)
        clock.add("waiting", ahead.waiting_s + write.waiting_s)
        if recording is not None and motion_output is not None:
            motion = recording.motion(frames.timing.rate, frames.timing.last_duration_after(count))
            try:
                save_motion(motion_output, motion)
            except OutputError as error:
                raise OutputError(f"{output} is written, the motion file is not: {error}") from error
        seconds = perf_counter() - start
        return AnimationReport(
            output=output,
            frames=count,
            seconds=seconds,
            fps=count / seconds,
            reference_frame=reference,
            skipped_packets=frames.skipped_packets,
            missing_frames=frames.missing_frames,
            stage_s=clock.seconds,
        )


def check_outputs(source: Path, driving: Path, output: Path, motion_output: Path | None) -> None:
    """Makes sure, before any work, that the results can be written and are none of the inputs.

    Raises:
        OutputError: They cannot, or are.
    """
    check_output(output, [source, driving])
    if motion_output is None:
        return
    if motion_output.suffix.lower() != ".npz":
        raise OutputError(f"{motion_output}: expected a motion file to end in .npz; choose such a name")
    for other in (source, driving, output):
        if motion_output == other or (motion_output.exists() and other.exists() and motion_output.samefile(other)):
            raise OutputError(f"{motion_output}: the motion file is also an input or the result; choose another name")
    check_target(motion_output)


def _check_weights(animator: Animator, driving: Driving, path: Path) -> None:
    if driving.weights not in (None, animator.manifest.weights.identity):
        _log.warning("%s was recorded with another model; its keypoints may mean other parts of the picture", path)


def _set_reference(
    animator: Animator, driving: Driving, best_frame: BestFrame | None, clock: StageClock, progress: Progress
) -> int | None:
    """Returns the number of the reference frame, None in absolute mode."""
    animator.clear_reference()
    if not animator.relative:
        if best_frame is not None:
            _log.warning("absolute motion has no reference; the best frame is not looked for")
        return None
    if best_frame is None:
        return 0
    total = driving.timing.frame_count
    start = perf_counter()
    with ReadAhead(driving, FRAMES_AHEAD) as ahead:
        index, keypoints = find_reference(
            animator, ahead, best_frame, lambda done: progress("looking for the best frame", done, total)
        )
    clock.add("networks", perf_counter() - start - ahead.waiting_s)
    clock.add("decode", ahead.busy_s)
    clock.add("waiting", ahead.waiting_s)
    animator.set_reference(keypoints)
    return index


def _render(
    animator: Animator, frame: DrivingFrame, view: View, recording: MotionRecording | None, clock: StageClock
) -> Image:
    motion = frame.motion
    if recording is not None:
        # The detector runs once: what it found is recorded and animates.
        with clock("networks"):
            motion = frame.find_keypoints(animator.keypoints)
        recording.add(motion, frame.time)
    if view == "explain":
        with clock("networks"):
            explanation = animator.explain(motion)
        with clock("drawing"):
            driving = _seen(animator, frame)
            return explanation_view(animator.source_image, driving, explanation, animator.manifest.align_corners)
    with clock("networks"):
        prediction = animator.animate(motion)
    if view == "result":
        return prediction
    with clock("drawing"):
        return panel(animator.source_image, _seen(animator, frame), prediction)


def _render_each(
    animator: Animator,
    ahead: ReadAhead[DrivingFrame],
    view: View,
    recording: MotionRecording | None,
    clock: StageClock,
) -> Rendered:
    for frame in ahead:
        yield _render(animator, frame, view, recording, clock), frame.time


def _render_batches(animator: Animator, ahead: ReadAhead[DrivingFrame], clock: StageClock) -> Rendered:
    """Predictions with the times of their frames, of which `animate_all` takes several before it gives any."""
    times: deque[Fraction] = deque()

    def pictures() -> Iterator[Image]:
        for frame in ahead:
            assert frame.picture is not None
            times.append(frame.time)
            yield frame.picture

    predictions = animator.animate_all(pictures())
    try:
        while True:
            start = perf_counter() - ahead.waiting_s
            prediction = next(predictions, None)
            # What was waited for the decoder meanwhile is counted as such.
            clock.add("networks", perf_counter() - ahead.waiting_s - start)
            if prediction is None:
                return
            yield prediction, times.popleft()
    finally:
        predictions.close()


def _seen(animator: Animator, frame: DrivingFrame) -> Image | None:
    """What the networks see of a driving frame; nothing of a motion file's."""
    return None if frame.picture is None else animator.frame_driving(frame.picture)
