"""From files to a file: a source picture, a driving file, and a result with one frame for every driving frame.

One thread decodes ahead and one encodes behind; the networks run in the caller's thread. On a GPU they take a batch
of frames at a time, if the result shows the prediction alone.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Literal, TypedDict

from typing_extensions import Unpack

from fomm_rt.animator import Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.stage_clock import StageClock
from fomm_rt.clip.best_frame import BestFrame, find_reference
from fomm_rt.clip.driving import Driving, DrivingFrame, open_driving
from fomm_rt.clip.motion_file import MotionRecording, save_motion
from fomm_rt.clip.overlap import ReadAhead, WriteBehind
from fomm_rt.clip.views import explanation_view, panel
from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedOutput
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.model.precision import Precision

View = Literal["result", "panel", "explain"]
"""What a frame of the result shows: the prediction, `views.panel` or `views.explanation_view`."""

Progress = Callable[[str, int, "int | None"], None]
"""Called with the name of the step, the number of frames done, and the number of all frames where known."""

FRAMES_AHEAD = 2
"""Decoded frames, and drawn ones, that may wait for the next stage: enough to even out slow frames.

With batches, the size of a batch if that is more, because their frames come and go together."""

_log = logging.getLogger("fomm_rt")


class LoadOptions(TypedDict, total=False):
    """Options of `Animator.load`."""

    model: str | PathLike[str] | None
    backend: BackendName
    relative: bool
    adapt_scale: bool
    source_framing: Framing
    driving_framing: Framing
    threads: int | None
    precision: Precision | None
    engines: str | PathLike[str] | None
    auto_build: bool


@dataclass(frozen=True)
class AnimationReport:
    """What `animate_file` did.

    Attributes:
        output: The result.
        frames: Frames in the result, one for every driving frame.
        seconds: Wall-clock time from the first frame read to the finished result.
        fps: frames / seconds.
        reference_frame: Number of the driving frame that relative motion counts from; None in absolute mode.
        skipped_packets: Broken packets of the driving video.
        missing_frames: Approximate number of frames that a damaged driving video announces but does not hold; 0 where
            unknown.
        stage_s: Seconds that each stage was busy. "decode" and "encode" overlap the others; "networks", "drawing" (of
            a view) and "waiting" (for decoder or encoder) make up most of `seconds`.
        model: Name of the model.
        backend: The backend that ran it, on what device, and why.
    """

    output: Path
    frames: int
    seconds: float
    fps: float
    reference_frame: int | None
    skipped_packets: int
    missing_frames: int
    stage_s: dict[str, float]
    model: str
    backend: BackendDescription


def animate_file(
    source: str | PathLike[str],
    driving: str | PathLike[str],
    output: str | PathLike[str],
    *,
    animator: Animator | None = None,
    best_frame: BestFrame | None = None,
    view: View = "result",
    audio: bool = True,
    motion_output: str | PathLike[str] | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
    on_load: Callable[[Animator], None] = lambda _animator: None,
    **load: Unpack[LoadOptions],
) -> AnimationReport:
    """Animates a picture by a video and writes the result, completely or not at all.

        animate_file("portrait.jpg", "talking.mp4", "result.mp4", model="vox-adv")

    The result has one frame of (size, size) pixels for every driving frame, the exact frame rate and the sound. To
    animate several files with one model, load it once:

        with Animator.load("vox-adv", backend="tensorrt") as animator:
            for picture in pictures:
                animate_file(picture, "talking.mp4", f"{picture.stem}.mp4", animator=animator)

    Args:
        source: The picture to animate; of a video, the first frame.
        driving: A video, a picture, or a motion file (.npz).
        output: The result; ends in .mp4, .mkv, .webm or .gif, or is a pattern such as frames-%05d.png.
        animator: An open animator to use; its source and reference are replaced, and it stays open.
        best_frame: The driving frame that relative motion counts from: its number from 0, or "auto" for the one posed
            most like the source; the first by default.
        view: What a frame of the result shows: "result", the prediction; "panel", source, driving frame and prediction
            side by side; "explain", keypoints, deformation, masks and occlusion map.
        audio: True to keep the sound of the driving video.
        motion_output: Also write the driving keypoints to this motion file (.npz).
        progress: Called after every frame with the name of the step, the frames done and, where known, all frames.
        on_load: Called with the animator before the first frame.
        load: Options of `Animator.load`, instead of `animator`: model, backend, relative, adapt_scale,
            source_framing, driving_framing, threads, precision, engines, auto_build.

    Raises:
        MediaError, MotionError, ImageError: An input cannot be used.
        OutputError: The result, or after it the motion file, cannot be written.
        ModelError: The model cannot be opened.
        BackendError: The backend cannot run here, or failed.
        TypeError: Both `animator` and options to load one were given.
    """
    source, driving, output = Path(source), Path(driving), Path(output)
    # Paths are checked before a model is loaded, which takes seconds, or frames are animated, which takes minutes.
    target = VideoTarget(output, [source, driving])
    motion_target = None
    if motion_output is not None:
        motion_path = Path(motion_output)
        if motion_path.suffix.lower() != ".npz":
            raise OutputError(f"{motion_path}: expected a motion file to end in .npz; choose such a name")
        motion_target = StagedOutput(motion_path, [source, driving, output])
    with using(animator, load) as used:
        on_load(used)
        picture = read_picture(source)
        with open_driving(driving) as frames:
            if frames.weights not in (None, used.manifest.weights.identity):
                _log.warning(
                    "%s was recorded with another model; its keypoints may mean other parts of the picture", driving
                )
            used.set_source(picture)
            return _animate(used, frames, target, motion_target, best_frame, view, audio, progress)


@contextmanager
def using(animator: Animator | None, load: LoadOptions) -> Iterator[Animator]:
    """Yields the animator that is given, or loads one for the context."""
    if animator is None:
        with Animator.load(**load) as loaded:
            yield loaded
    elif load:
        raise TypeError(f"expected either animator or options to load one; got animator and {', '.join(load)}")
    else:
        yield animator


def _animate(
    animator: Animator,
    driving: Driving,
    target: VideoTarget,
    motion_target: StagedOutput | None,
    best_frame: BestFrame | None,
    view: View,
    audio: bool,
    progress: Progress,
) -> AnimationReport:
    start = perf_counter()
    clock = StageClock("decode", "networks", "drawing", "encode", "waiting")
    reference = _set_reference(animator, driving, best_frame, clock, progress)
    recording = None
    if motion_target is not None:
        recording = MotionRecording(animator.manifest.weights.identity, driving.timing.time_base)
    with target.open(driving.timing, driving.audio_from if audio else None) as writer:
        count = 0
        in_batches = animator.batch > 1 and view == "result" and recording is None and driving.weights is None
        depth = max(FRAMES_AHEAD, animator.batch) if in_batches else FRAMES_AHEAD
        ahead, write = ReadAhead(driving, depth), WriteBehind(writer.write, depth)
        with ahead, write:
            rendered = (
                _render_batches(animator, ahead, clock)
                if in_batches
                else ((_render(animator, frame, view, recording, clock), frame.time) for frame in ahead)
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
    if recording is not None and motion_target is not None:
        motion = recording.motion(driving.timing.rate, driving.timing.last_duration_after(count))
        try:
            save_motion(motion_target, motion)
        except OutputError as error:
            raise OutputError(f"{target.path} is written, the motion file is not: {error}") from error
    seconds = perf_counter() - start
    return AnimationReport(
        output=target.path,
        frames=count,
        seconds=seconds,
        fps=count / seconds,
        reference_frame=reference,
        skipped_packets=driving.skipped_packets,
        missing_frames=driving.missing_frames,
        stage_s=clock.seconds,
        model=animator.manifest.name,
        backend=animator.backend,
    )


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
    """The square of a driving frame that the networks see; None for a motion file."""
    return None if frame.pixels is None else animator.frame_driving(frame.pixels)


def _render_batches(
    animator: Animator, ahead: ReadAhead[DrivingFrame], clock: StageClock
) -> Generator[tuple[Image, Fraction], None, None]:
    """Yields predictions with the times of their frames; `animate_all` takes several frames before it yields one."""
    times: deque[Fraction] = deque()

    def pictures() -> Iterator[Image]:
        for frame in ahead:
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
