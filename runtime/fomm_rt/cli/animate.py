"""`fomm-rt animate`: animate a picture by a driving video."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_rt.cli.clip_options import (
    AdaptScale,
    Audio,
    BestFrameText,
    Crop,
    DrivingCrop,
    DrivingFit,
    Duration,
    Explain,
    Face,
    Fit,
    Panel,
    PastedBack,
    Quality,
    Relative,
    Size,
    Smooth,
    SourceCrop,
    SourceFit,
    Start,
)
from fomm_rt.cli.model import ModelOption, announce
from fomm_rt.cli.options import (
    AsJson,
    BackendOption,
    Engines,
    MaxPixels,
    OverwriteOption,
    PrecisionOption,
    Quiet,
    Threads,
    Verbose,
    option,
)
from fomm_rt.cli.parsing import parse_best_frame, parse_faces, parse_framing, parse_seconds, parse_size
from fomm_rt.cli.terminal import running
from fomm_rt.faces.framing import FaceFraming
from fomm_rt.media.write.output_formats import OUTPUT_FORMATS

if TYPE_CHECKING:
    from fomm_rt.animator import Animator


def animate(
    source: Annotated[Path, typer.Argument(help="The picture to animate: PNG, JPEG, WebP, AVIF, TIFF.")],
    driving: Annotated[Path, typer.Argument(help="The driving video, an animated picture, or a motion file (.npz).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=f"The result; its ending selects the format: {OUTPUT_FORMATS}.")
    ],
    model: ModelOption = None,
    source_crop: SourceCrop = None,
    source_fit: SourceFit = False,
    face: Face = None,
    driving_crop: DrivingCrop = None,
    driving_fit: DrivingFit = False,
    further: Annotated[
        list[Path] | None,
        option("Driving", "Another driver, for the next face; may be repeated.", "--driving", metavar="FILE"),
    ] = None,
    crop: Crop = None,
    fit: Fit = False,
    relative: Relative = True,
    adapt_scale: AdaptScale = True,
    start: Start = None,
    duration: Duration = None,
    best_frame: BestFrameText = None,
    smooth: Smooth = None,
    save_motion: Annotated[
        Path | None, option("Motion", "Save the motion, to drive other pictures by it.", metavar="FILE.npz")
    ] = None,
    paste_back: PastedBack = False,
    panel: Panel = False,
    explain: Explain = False,
    audio: Audio = True,
    output_size: Size = None,
    quality: Quality = None,
    max_pixels: MaxPixels = None,
    overwrite: OverwriteOption = None,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    engines: Engines = None,
    threads: Threads = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Animate a picture by a driving video.

    Faces are found on both sides, and the squares around them are used.
    The result has one frame for every driving frame, the exact frame rate
    and the sound.

    For example:

    fomm-rt animate drawing.png talking.mp4 -o result.mp4

    fomm-rt animate portrait.jpg talking.mp4 -m vox-adv -o result.mp4

    fomm-rt animate group.jpg talking.mp4 -m vox-adv -o result.mp4 --face all --paste-back

    fomm-rt animate portrait.jpg talking.mp4 -m vox-adv -o why.mp4 --explain

    fomm-rt animate portrait.jpg talking.mp4 -m vox-adv -o out.webm --best-frame auto

    fomm-rt animate portrait.jpg film.mkv -m vox-adv -o part.mp4 --start 1:30 --duration 5 --output-size 512
    """
    if panel and explain:
        raise typer.BadParameter("--panel and --explain exclude each other; choose one")
    number = parse_faces("--face", face)
    if paste_back and (panel or explain):
        raise typer.BadParameter("--paste-back shows the whole picture; leave out --panel and --explain")
    if (number == "all" or further) and not paste_back:
        raise typer.BadParameter("several faces need --paste-back, because the result shows the whole picture")
    if paste_back and (fit or source_fit):
        raise typer.BadParameter("--paste-back needs a square of the source; leave out --fit and --source-fit")
    if further and face is not None:
        raise typer.BadParameter("--driving gives the faces drivers in their order; leave out --face")
    one = 1 if number == "all" else number
    source_name, driving_name = (
        "--crop" if own is None else name
        for name, own in (("--source-crop", source_crop), ("--driving-crop", driving_crop))
    )
    source_framing = parse_framing(source_name, source_crop or crop, one, fit or source_fit)
    driving_framing = parse_framing(driving_name, driving_crop or crop, 1, fit or driving_fit)
    if face is not None and not isinstance(source_framing, FaceFraming):
        raise typer.BadParameter("--face chooses a face that is found; leave out the crop or fit of the source")
    reference = parse_best_frame("--best-frame", best_frame)
    start_s, duration_s = parse_seconds("--start", start), parse_seconds("--duration", duration)
    if duration_s == 0:
        raise typer.BadParameter("--duration: expected more than 0 seconds")
    size = parse_size("--output-size", output_size)
    with running(quiet, as_json, verbose) as terminal:
        from fomm_rt.clip.animate_file import animate_file

        def on_load(animator: Animator) -> None:
            if model is None:
                terminal.say(
                    f"no model given: using the bundled {animator.manifest.name}, which was trained on drawn faces; "
                    "for photographs run fomm-rt fetch vox-adv, then add -m vox-adv"
                )
            announce(terminal, animator, model)

        with terminal.frames() as progress:
            report = animate_file(
                source,
                driving,
                output,
                model=model,
                backend=backend,
                relative=relative,
                adapt_scale=adapt_scale,
                source_framing=source_framing,
                driving_framing=driving_framing,
                threads=threads,
                precision=precision,
                engines=engines,
                paste_back=paste_back,
                all_faces=number == "all",
                further_driving=further or (),
                smooth=smooth or 0.0,
                best_frame=reference,
                view="explain" if explain else "panel" if panel else "result",
                audio=audio,
                motion_output=save_motion,
                start_s=start_s or 0,
                duration_s=duration_s,
                output_size=size,
                quality=quality,
                max_pixels=max_pixels,
                overwrite=terminal.replacing(overwrite),
                progress=progress,
                on_load=on_load,
                say=terminal.say,
            )
        terminal.result(
            f"{report.output}: {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps", asdict(report)
        )
