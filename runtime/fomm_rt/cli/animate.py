"""`fomm-rt animate`: animate a picture by a driving video."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fomm_rt.cli.model import ModelOption, announce
from fomm_rt.cli.options import (
    AsJson,
    BackendOption,
    Engines,
    OverwriteOption,
    PrecisionOption,
    Quiet,
    Threads,
    Verbose,
)
from fomm_rt.cli.parsing import parse_best_frame, parse_rectangle, parse_seconds, parse_size
from fomm_rt.cli.terminal import running
from fomm_rt.framing import Framing
from fomm_rt.media.write.output_formats import OUTPUT_FORMATS

if TYPE_CHECKING:
    from fomm_rt.animator import Animator


def _option(panel: str, help_text: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=panel, **settings)


def _rectangle(panel: str, help_text: str) -> Any:
    return _option(panel, help_text, metavar="X,Y,W,H")


BOTH = "Source and driving"


def animate(
    source: Annotated[Path, typer.Argument(help="The picture to animate: PNG, JPEG, WebP.")],
    driving: Annotated[Path, typer.Argument(help="The driving video, or a motion file (.npz).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=f"The result; its ending selects the format: {OUTPUT_FORMATS}.")
    ],
    model: ModelOption = None,
    source_crop: Annotated[str | None, _rectangle("Source", "Use this rectangle of the source.")] = None,
    source_fit: Annotated[
        bool, _option("Source", "Use the whole source, its edges extended to a square.", "--source-fit")
    ] = False,
    driving_crop: Annotated[str | None, _rectangle("Driving", "Use this rectangle of every driving frame.")] = None,
    driving_fit: Annotated[
        bool, _option("Driving", "Use whole driving frames, their edges extended to a square.", "--driving-fit")
    ] = False,
    crop: Annotated[str | None, _rectangle(BOTH, "Use this rectangle of source and driving frames.")] = None,
    fit: Annotated[bool, _option(BOTH, "As --source-fit and --driving-fit.", "--fit")] = False,
    relative: Annotated[
        bool,
        _option(
            "Motion",
            "Apply the driver's movement since the reference frame, or copy its pose.",
            "--relative/--absolute",
        ),
    ] = True,
    adapt_scale: Annotated[bool, _option("Motion", "Scale relative movement to the size of the source.")] = True,
    start: Annotated[
        str | None, _option("Driving", "Begin with the frame shown then.", metavar="SECONDS|[HH:]MM:SS")
    ] = None,
    duration: Annotated[
        str | None, _option("Driving", "Use only so much from there on.", metavar="SECONDS|[HH:]MM:SS")
    ] = None,
    best_frame: Annotated[
        str | None,
        _option(
            "Motion",
            "The reference frame: the one posed most like the source, or number N, counted from 0 at --start.",
            metavar="auto|N",
            show_default="the first",
        ),
    ] = None,
    save_motion: Annotated[
        Path | None, _option("Motion", "Save the motion, to drive other pictures by it.", metavar="FILE.npz")
    ] = None,
    panel: Annotated[bool, _option("Result", "Show source, driving frame and result side by side.", "--panel")] = False,
    explain: Annotated[
        bool,
        _option(
            "Result",
            "Show keypoints, deformation, masks and occlusion map, to find out why a result is bad.",
            "--explain",
        ),
    ] = False,
    audio: Annotated[bool, _option("Result", "Keep the sound of the driving video.")] = True,
    output_size: Annotated[
        str | None,
        _option(
            "Result",
            "Scale frames to this height, or to width and height, with black bars if need be.",
            metavar="N|WxH",
            show_default="the model's",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        _option("Result", "From 0, the smallest file, to 100, the best picture.", min=0, max=100, show_default="80"),
    ] = None,
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

    By default, the centred square of the source and of every driving frame
    is used. Aspect ratios are kept. The result has one frame for every
    driving frame, the exact frame rate and the sound.

    For example:

    fomm-rt animate drawing.png talking.mp4 -o result.mp4

    fomm-rt animate portrait.jpg talking.mp4 -m vox-adv -o result.mp4

    fomm-rt animate portrait.jpg talking.mp4 -m vox-adv -o why.mp4 --explain

    fomm-rt animate portrait.jpg talking.mp4 -m vox-adv -o out.webm --best-frame auto

    fomm-rt animate portrait.jpg film.mkv -o part.mp4 --start 1:30 --duration 5 --output-size 512
    """
    if panel and explain:
        raise typer.BadParameter("--panel and --explain exclude each other; choose one")
    source_framing = Framing("fit" if fit or source_fit else "crop", parse_rectangle(source_crop or crop))
    driving_framing = Framing("fit" if fit or driving_fit else "crop", parse_rectangle(driving_crop or crop))
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
                best_frame=reference,
                view="explain" if explain else "panel" if panel else "result",
                audio=audio,
                motion_output=save_motion,
                start_s=start_s or 0,
                duration_s=duration_s,
                output_size=size,
                quality=quality,
                overwrite=terminal.replacing(overwrite),
                progress=progress,
                on_load=on_load,
            )
        terminal.result(
            f"{report.output}: {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps", asdict(report)
        )
