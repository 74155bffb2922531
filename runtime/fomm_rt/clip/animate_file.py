"""From files to a file: a source picture, a driving file, and a result with one frame for every driving frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypedDict

from typing_extensions import Unpack

from fomm_rt.animator import CENTRED_SQUARE, Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.bundled import open_model
from fomm_rt.clip.driving import Driving, open_driving
from fomm_rt.clip.reference import BestFrame
from fomm_rt.clip.rendering import Progress, Rendered, Result, View, render
from fomm_rt.clip.result_size import Scaling
from fomm_rt.errors import OutputError
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import StagedOutput
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.part import Seconds
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.output_formats import OutputSize
from fomm_rt.media.write.quality import check_quality
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.model.precision import Precision

_log = logging.getLogger(__name__)


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
        start_s: Where the part of the driving file that was used begins, in seconds from the start of the file.
        duration_s: Seconds that the result plays; None if the driving file does not say.
        width, height: Size of its frames in pixels.
        quality: The quality that was asked for; None for the default.
        reference_frame: Number of the driving frame that relative motion counts from, from 0 at the start of the part;
            None in absolute mode.
        skipped_packets: Broken packets of the driving video.
        missing_frames: Approximate number of frames that a damaged driving video announces but does not hold; 0 where
            unknown.
        left_out: Parts of the driving file that the result does not have, such as "subtitles"; warnings say why.
        stage_s: Seconds that each stage was busy. "decode" and "encode" overlap the others; "networks", "drawing" (of
            a view) and "waiting" (for decoder or encoder) make up most of `seconds`.
        model: Name of the model.
        backend: The backend that ran it, on what device, and why.
    """

    output: Path
    frames: int
    seconds: float
    fps: float
    start_s: float
    duration_s: float | None
    width: int
    height: int
    quality: int | None
    reference_frame: int | None
    skipped_packets: int
    missing_frames: int
    left_out: tuple[str, ...]
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
    start_s: Seconds = 0,
    duration_s: Seconds | None = None,
    output_size: OutputSize | None = None,
    quality: int | None = None,
    overwrite: Overwrite = True,
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
        best_frame: The driving frame that relative motion counts from: its number, from 0 at the start of the part
            that is used, or "auto" for the one posed most like the source; by default the first one with contrast, so
            neither black nor white nor deep in a fade.
        view: What a frame of the result shows: "result", the prediction; "panel", source, driving frame and prediction
            side by side; "explain", keypoints, deformation, masks and occlusion map.
        audio: True to keep the sound of the driving video.
        motion_output: Also write the driving keypoints to this motion file (.npz).
        start_s, duration_s: The part of the driving file to use, in seconds, rounded to milliseconds; from the start
            and to the end by default. It begins with the frame that is shown at `start_s`; at a constant rate it has
            the whole number of frames nearest to `duration_s`. The sound is cut alike.
        output_size: Height of the result in pixels, or width and height; the model's size by default. Another aspect
            ratio adds black bars. Odd sizes of video are rounded up.
        quality: From 0 (smallest file) to 100 (best picture); 80 by default.
        overwrite: False to refuse if a result exists, or a function that decides about those that exist.
        progress: Called after every frame with the name of the step, the frames done and, where known, all frames.
        on_load: Called with the animator before the first frame.
        load: Options of `Animator.load`, instead of `animator`: model, backend, relative, adapt_scale,
            source_framing, driving_framing, threads, precision, engines, auto_build.

    Raises:
        MediaError, MotionError, ImageError: An input cannot be used.
        OutputError: The result, or after it the motion file, cannot be written, or exists and may not be overwritten.
        ModelError: The model cannot be opened.
        BackendError: The backend cannot run here, or failed.
        TypeError: Both `animator` and options to load one were given.
    """
    source, driving, output = Path(source), Path(driving), Path(output)
    # Everything is checked before a model is loaded, which takes seconds, or frames are animated, which takes minutes.
    target = VideoTarget(output, [source, driving])
    motion_target = None if motion_output is None else _motion_target(Path(motion_output), [source, driving, output])
    if quality is not None:
        check_quality(quality)
    result = Result(target, motion_target, view, audio, Scaling(output_size, target.needs_even_sizes), quality)
    picture = read_picture(source)
    _log.debug("%s: %d×%d pixels", source, picture.shape[1], picture.shape[0])
    with open_driving(driving, start_s, duration_s) as frames:
        _log.debug("%s: %s", driving, frames.describe())
        _check_framings(animator, load, picture, frames)
        if isinstance(best_frame, int):
            frames.check_frame(best_frame)
        if animator is None and frames.weights is not None:
            frames.check_architecture(open_model(load.get("model")).manifest)
        existing = [*target.existing(), *([] if motion_target is None else motion_target.existing())]
        check_overwrite(existing, overwrite)
        with using(animator, load) as used:
            on_load(used)
            frames.check(used.manifest)
            used.set_source(picture)
            done = render(used, frames, result, best_frame, progress)
            return _report(used, frames, result, done)


def _report(animator: Animator, driving: Driving, result: Result, done: Rendered) -> AnimationReport:
    width, height = result.scaling.frame_size
    return AnimationReport(
        output=result.target.path,
        frames=done.frames,
        seconds=done.seconds,
        fps=done.frames / done.seconds,
        start_s=0.0 if driving.part is None else float(driving.part.start),
        duration_s=None if done.duration is None else float(done.duration),
        width=width,
        height=height,
        quality=result.quality,
        reference_frame=done.reference_frame,
        skipped_packets=driving.skipped_packets,
        missing_frames=driving.missing_frames,
        left_out=done.left_out,
        stage_s=done.stage_s,
        model=animator.manifest.name,
        backend=animator.backend,
    )


def _motion_target(path: Path, inputs: Sequence[Path]) -> StagedOutput:
    if path.suffix.lower() != ".npz":
        raise OutputError(f"{path}: expected a motion file to end in .npz; choose such a name")
    return StagedOutput(path, inputs)


def _check_framings(animator: Animator | None, load: LoadOptions, picture: Image, driving: Driving) -> None:
    """Makes sure that the squares to use lie within both pictures. Raises ImageError if one does not."""
    source_framing = load.get("source_framing", CENTRED_SQUARE) if animator is None else animator.source_framing
    driving_framing = load.get("driving_framing", CENTRED_SQUARE) if animator is None else animator.driving_framing
    if isinstance(source_framing, Framing):  # loading reports another type
        source_framing.region(*picture.shape[:2])
    if isinstance(driving_framing, Framing) and isinstance(driving.source, VideoReader):
        driving_framing.region(driving.source.height, driving.source.width)


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
