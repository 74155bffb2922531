"""From files to a file: a source picture, a driving file, and a result with one frame for every driving frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import TypedDict

from typing_extensions import Unpack

from fomm_rt.animator import CENTRED_SQUARE, Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.bundled import open_model
from fomm_rt.clip.driving import Driving, open_driving
from fomm_rt.clip.driving_square import DrivingSquare, choose_driving_framing, driving_framed
from fomm_rt.clip.frame_renderer import View
from fomm_rt.clip.recorded_driver import RecordedDriver
from fomm_rt.clip.reference import BestFrame
from fomm_rt.clip.rendering import Cast, Progress, Rendered, Result, render
from fomm_rt.clip.report import AnimationReport, Square, in_words, square_of
from fomm_rt.clip.result_size import Scaling
from fomm_rt.clip.source_framings import Faces, find_source_framings
from fomm_rt.errors import ImageError, OutputError
from fomm_rt.faces.framing import AnyFraming, FaceFraming
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import StagedOutput
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.machine.heap import return_free_memory
from fomm_rt.media.part import Seconds
from fomm_rt.media.read.limits import FRAME_PIXELS, megapixels
from fomm_rt.media.read.picture import read_picture, read_reduced
from fomm_rt.media.write.output_formats import OutputSize
from fomm_rt.media.write.quality import check_quality
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.model.precision import Precision
from fomm_rt.motion.smoothing import KeypointFilter

_log = logging.getLogger(__name__)


class LoadOptions(TypedDict, total=False):
    """Options of `Animator.load`."""

    model: str | PathLike[str] | None
    backend: BackendName
    relative: bool
    adapt_scale: bool
    source_framing: AnyFraming
    driving_framing: AnyFraming
    threads: int | None
    precision: Precision | None
    engines: str | PathLike[str] | None
    auto_build: bool


def animate_file(
    source: str | PathLike[str],
    driving: str | PathLike[str] | RecordedDriver,
    output: str | PathLike[str],
    *,
    animator: Animator | None = None,
    paste_back: bool = False,
    all_faces: bool = False,
    further_driving: Sequence[str | PathLike[str]] = (),
    smooth: float = 0.0,
    best_frame: BestFrame | None = None,
    view: View = "result",
    audio: bool = True,
    motion_output: str | PathLike[str] | None = None,
    start_s: Seconds = 0,
    duration_s: Seconds | None = None,
    output_size: OutputSize | None = None,
    quality: int | None = None,
    max_pixels: int | None = None,
    overwrite: Overwrite = True,
    progress: Progress = lambda _stage, _done, _total: None,
    preview: Callable[[Image], None] = lambda _picture: None,
    on_load: Callable[[Animator], None] = lambda _animator: None,
    say: Callable[[str], None] = lambda _text: None,
    **load: Unpack[LoadOptions],
) -> AnimationReport:
    """Animates a picture by a video and writes the result, completely or not at all.

        animate_file("portrait.jpg", "talking.mp4", "result.mp4", model="vox-adv")

    The result has one frame of (size, size) pixels for every driving frame, the exact frame rate and the sound. To
    animate several files with one model, load it once:

        with Animator.load("vox-adv", backend="tensorrt") as animator:
            for picture in pictures:
                animate_file(picture, "talking.mp4", f"{picture.stem}.mp4", animator=animator)

    Faces are found on both sides and framed as the model's training clips were; pass framings to choose squares
    yourself. With an `animator`, its own framings count.

    Args:
        source: The picture to animate; of a video, the first frame.
        driving: A video, a picture, or a motion file (.npz); or a `RecordedDriver`, which saves finding the keypoints
            again. The result is the same.
        output: The result; ends in .mp4, .mkv, .webm or .gif, or is a pattern such as frames-%05d.png.
        animator: An open animator to use; its source and reference are replaced, and it stays open.
        paste_back: True to paste the animated face back into the source picture, at the picture's size.
        all_faces: True to animate all faces of the source, not only the most prominent one. Needs `paste_back`.
        further_driving: Videos that drive the second most prominent face of the source, the third, and so on, from
            their first frame; their last frame is held. Sound, length and frame rate come from `driving`. Needs
            `paste_back`.
        smooth: Strength of the smoothing of the driver's keypoints over time, from 0 (none) to 1.
        best_frame: The reference frame of relative motion: its number, from 0 at the start of the part that is used, or
            "auto" for the frame whose pose is most like the source's; by default the first frame with contrast and,
            if faces are searched, with a face.
        view: What a frame of the result shows: "result", the prediction; "panel", source, driving frame and prediction
            side by side; "explain", keypoints, deformation, masks and occlusion map.
        audio: True to keep the sound of the driving video.
        motion_output: Also write the keypoints of `driving`, not smoothed, to this motion file (.npz).
        start_s, duration_s: The part of the driving file to use, in seconds, rounded to milliseconds; from the start
            and to the end by default. It begins with the frame that is shown at `start_s`; at a constant rate it has
            the whole number of frames nearest to `duration_s`. The sound is cut alike.
        output_size: Height of the result in pixels, or width and height; the model's size by default. Another aspect
            ratio adds black bars. Odd sizes of video are rounded up.
        quality: From 0 (smallest file) to 100 (best picture); 80 by default.
        max_pixels: Pixels of the largest picture or frame to decode; by default 100 million of a picture and 35
            million of a frame, see `read_picture` and `VideoReader`.
        overwrite: False to refuse if a result exists, or a function that decides about existing results.
        progress: Called after every frame with the name of the step, the frames done and, where known, all frames.
        preview: Called with every frame of the result, (H, W, 3) uint8 RGB, before it is scaled and written. The next
            frame waits for it.
        on_load: Called with the animator before the first frame.
        say: Called with sentences about what was chosen, such as squares.
        load: Options of `Animator.load`, instead of `animator`: model, backend, relative, adapt_scale,
            source_framing, driving_framing, threads, precision, engines, auto_build.

    Raises:
        MediaError, MotionError, ImageError: An input cannot be used.
        OutputError: The result, or after it the motion file, cannot be written, or exists and may not be overwritten.
        ModelError: The model cannot be opened.
        BackendError: The backend cannot run here, or failed.
        TypeError: Both `animator` and options to load one were given.
        StateError: The driver was recorded for other options.
    """
    recorded, source, output = driving if isinstance(driving, RecordedDriver) else None, Path(source), Path(output)
    driving = driving.path if isinstance(driving, RecordedDriver) else Path(driving)
    # Everything is checked before a model is loaded, which takes seconds, or frames are animated, which takes minutes.
    inputs = [source, driving, *map(Path, further_driving)]
    target = VideoTarget(output, inputs)
    motion_target = None if motion_output is None else _motion_target(Path(motion_output), [*inputs, output])
    result = Result(target, motion_target, view, audio, Scaling(output_size, target.needs_even_sizes), quality)
    check_choices(paste_back, all_faces, further_driving, view)
    _check_levels(quality, smooth)
    picture, reduction = _read_source(source, paste_back or _counts_pixels(animator, load), max_pixels)
    if paste_back:
        _check_pasted(source, picture)
    _log.debug("%s: %d×%d pixels, reduced by %d", source, picture.shape[1], picture.shape[0], reduction)
    with ExitStack() as opened:
        opened.callback(return_free_memory)  # the last step, when all files are closed
        if recorded is None:
            frames = opened.enter_context(open_driving(driving, start_s, duration_s, max_pixels=max_pixels))
        else:
            frames = recorded.frames_for(animator, view, best_frame, start_s, duration_s, max_pixels)
        further = [opened.enter_context(open_driving(Path(path), max_pixels=max_pixels)) for path in further_driving]
        _log.debug("%s: %s", driving, frames.describe())
        _check_framings(animator, load, picture, [frames, *further])
        if isinstance(best_frame, int):
            frames.check_frame(best_frame)
        if animator is None:
            _check_architectures([frames, *further], load)
        existing = [*target.existing(), *([] if motion_target is None else motion_target.existing())]
        check_overwrite(existing, overwrite)
        used = opened.enter_context(using(animator, load if animator is not None else _with_faces(load)))
        on_load(used)
        for one in (frames, *further):
            one.check(used.manifest)
        margin = used.manifest.face_margin
        if margin is None and used.source_framing == FaceFraming():
            say(f"{used.manifest.name} names no margin for faces (face_margin), so centred squares are used")
        count: Faces = 1 + len(further) if further else "all" if all_faces else 1
        framings = find_source_framings(picture, used.source_framing, margin, count)
        squares = tuple(square_of(framing, picture.shape[0], picture.shape[1], reduction) for framing in framings)
        if paste_back and any(width != height for _, _, width, height in squares):
            raise ImageError("paste_back needs a square of the source; leave out the fit")
        say(f"{source}: {in_words(squares)}")
        used.set_source(used.prepare_source(picture, framings[0]))

        framing, found = _choose_square(frames, used, recorded, progress, say)
        others = [(other, *_choose_square(other, used, None, progress, say)) for other in further]
        opened.enter_context(driving_framed(used, framing))
        cast = Cast(picture if paste_back else None, framings, found, others, smooth)
        done = render(used, frames, result, best_frame, progress, cast, preview)
        return _report(used, frames, result, done, squares, found)


def _read_source(path: Path, needs_all: bool, max_pixels: int | None) -> tuple[Image, int]:
    """Reads the source; also returns the divisor of its sides, which is 1 if all of its pixels are needed."""
    return (read_picture(path, max_pixels=max_pixels), 1) if needs_all else read_reduced(path, max_pixels=max_pixels)


def _check_pasted(path: Path, picture: Image) -> None:
    """Raises ImageError for a picture that is too large for the frames of a result."""
    height, width = picture.shape[:2]
    if width * height > FRAME_PIXELS:
        raise ImageError(
            f"{path} has {width}×{height} pixels, and paste_back makes frames of that size; expected at most "
            f"{megapixels(FRAME_PIXELS)}. Scale it down, or leave out paste_back"
        )


def _counts_pixels(animator: Animator | None, load: LoadOptions) -> bool:
    """True if the part of the source to use is given in pixels."""
    framing = load.get("source_framing", CENTRED_SQUARE) if animator is None else animator.source_framing
    return isinstance(framing, Framing) and framing.rectangle is not None and framing.unit == "px"


def _driving_square(framing: AnyFraming, driving: Driving) -> Square | None:
    if driving.frame_size is None or not isinstance(framing, Framing):
        return None
    return square_of(framing, *driving.frame_size)


def _choose_square(
    driver: Driving,
    animator: Animator,
    recorded: RecordedDriver | None,
    progress: Progress,
    say: Callable[[str], None],
) -> tuple[Framing, DrivingSquare | None]:
    """The framing of a driver's frames, see `choose_driving_framing`; says which square that is."""
    if recorded is not None:
        framing, found = recorded.square
    else:
        total, margin = driver.timing.frame_count, animator.manifest.face_margin
        framing, found = choose_driving_framing(
            animator.driving_framing, margin, driver, lambda done: progress("looking for the face", done, total)
        )
    if (square := _driving_square(framing, driver)) is not None:
        faces = f", the face in {found.with_face} of {found.looked_at} searched frames" if found else ""
        say(f"{driver.path}: {in_words([square])}{faces}")
    return framing, found


def _report(
    animator: Animator,
    driving: Driving,
    result: Result,
    done: Rendered,
    squares: tuple[Square, ...],
    found: DrivingSquare | None,
) -> AnimationReport:
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
        source_squares=squares,
        driving_square=_driving_square(animator.driving_framing, driving),
        driving_faces=None if found is None else (found.with_face, found.looked_at),
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


def _with_faces(load: LoadOptions) -> LoadOptions:
    """Adds `FaceFraming` for source and driver to the options, unless they have framings."""
    return {"source_framing": FaceFraming(), "driving_framing": FaceFraming(), **load}


def _check_framings(animator: Animator | None, load: LoadOptions, picture: Image, drivers: Sequence[Driving]) -> None:
    """Checks that the squares lie within all pictures. Raises ImageError if one does not."""
    source_framing = load.get("source_framing", CENTRED_SQUARE) if animator is None else animator.source_framing
    driving_framing = load.get("driving_framing", CENTRED_SQUARE) if animator is None else animator.driving_framing
    if isinstance(source_framing, Framing):  # loading reports another type
        source_framing.region(*picture.shape[:2])
    for driving in drivers:
        if isinstance(driving_framing, Framing) and driving.frame_size is not None:
            try:
                driving_framing.region(*driving.frame_size)
            except ImageError as error:
                raise ImageError(f"{driving.path}: {error}") from error


def check_choices(paste_back: bool, all_faces: bool, further_driving: Sequence[object], view: View) -> None:
    """Raises ImageError for choices that exclude each other."""
    if all_faces and further_driving:
        raise ImageError("all_faces animates every face by one driver; leave it out with further_driving")
    if (all_faces or further_driving) and not paste_back:
        raise ImageError("several faces need paste_back, because the result shows the whole picture")
    if paste_back and view != "result":
        raise ImageError(f"paste_back shows the whole picture; expected the view result, got {view}")


def _check_levels(quality: int | None, smooth: float) -> None:
    if quality is not None:
        check_quality(quality)
    KeypointFilter(smooth)  # checks the strength


def _check_architectures(drivers: Sequence[Driving], load: LoadOptions) -> None:
    """Makes sure that recorded keypoints are as many as those of the model that will be loaded."""
    if any(driver.weights is not None for driver in drivers):
        model = open_model(load.get("model")).manifest
        for driver in drivers:
            driver.check_architecture(model)


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
