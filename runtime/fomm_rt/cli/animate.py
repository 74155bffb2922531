"""`fomm-rt animate`: a picture and a driving video to a result."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fomm_rt.cli.model import ModelOption, announce, say_bundled
from fomm_rt.cli.options import AsJson, BackendOption, Engines, PrecisionOption, Quiet, Threads, parse_rectangle
from fomm_rt.cli.terminal import running
from fomm_rt.framing import Framing
from fomm_rt.media.write.output_formats import OUTPUT_FORMATS

if TYPE_CHECKING:
    from fomm_rt.animator import Animator

SOURCE, DRIVING, BOTH, LOOK, MOTION = ("Source", "Driving", "Both sides", "Result", "Motion")


def animate(
    source: Annotated[Path, typer.Argument(help="The picture to animate: PNG, JPEG, WebP.")],
    driving: Annotated[Path, typer.Argument(help="The video that drives it, or a motion file (.npz).")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help=f"The result; its ending chooses the format: {OUTPUT_FORMATS}."),
    ],
    model: ModelOption = None,
    source_crop: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Use this part of the source.", rich_help_panel=SOURCE),
    ] = None,
    source_fit: Annotated[
        bool, typer.Option("--source-fit", help="Fit all of it in, edges extended.", rich_help_panel=SOURCE)
    ] = False,
    driving_crop: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Use this part of every frame.", rich_help_panel=DRIVING),
    ] = None,
    driving_fit: Annotated[
        bool, typer.Option("--driving-fit", help="Fit all of it in, edges extended.", rich_help_panel=DRIVING)
    ] = False,
    crop: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Use this part of both sides.", rich_help_panel=BOTH)
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit all of both sides in, edges extended.", rich_help_panel=BOTH)
    ] = False,
    relative: Annotated[
        bool,
        typer.Option(
            "--relative/--absolute",
            help="Apply the movement since the reference frame, or take over the pose.",
            rich_help_panel=MOTION,
        ),
    ] = True,
    adapt_scale: Annotated[
        bool, typer.Option(help="Scale relative movement to the size of the source.", rich_help_panel=MOTION)
    ] = True,
    best_frame: Annotated[
        str | None,
        typer.Option(
            metavar="auto|N",
            help="Reference frame: the one posed most like the source, or frame N, counted from 0.",
            show_default="the first",
            rich_help_panel=MOTION,
        ),
    ] = None,
    save_motion: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="Keep the motion, to drive other pictures.", rich_help_panel=MOTION),
    ] = None,
    panel: Annotated[
        bool, typer.Option("--panel", help="Source, driving and result side by side.", rich_help_panel=LOOK)
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Keypoints, deformation, parts and occlusion map: what to look at when a result is bad.",
            rich_help_panel=LOOK,
        ),
    ] = False,
    audio: Annotated[bool, typer.Option(help="Keep the driving video's sound.", rich_help_panel=LOOK)] = True,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    engines: Engines = None,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Animate a picture by a driving video.

    Both sides are cropped to their centred square unless told otherwise.
    Nothing is squashed. The result has one frame for every driving frame,
    the exact frame rate and the sound.

    For example:

    fomm-rt animate drawing.png talking.mp4 -o result.mp4

    fomm-rt animate portrait.jpg talking.mp4 -m models/vox-adv -o result.mp4

    fomm-rt animate portrait.jpg talking.mp4 -m models/vox-adv -o why.mp4 --explain

    fomm-rt animate portrait.jpg talking.mp4 -m models/vox-adv -o out.webm --best-frame auto
    """
    if panel and explain:
        raise typer.BadParameter("--panel and --explain are two views of one frame; choose one")
    source_framing = Framing("fit" if fit or source_fit else "crop", parse_rectangle(source_crop or crop))
    driving_framing = Framing("fit" if fit or driving_fit else "crop", parse_rectangle(driving_crop or crop))
    reference = _parse_best_frame(best_frame)
    with running(quiet, as_json) as terminal:
        from fomm_rt.clip.animate_file import animate_file

        def say_what_runs(animator: Animator) -> None:
            if model is None:
                say_bundled(terminal, animator)
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
                progress=progress,
                on_load=say_what_runs,
            )
        terminal.result(
            f"{report.output}: {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps", asdict(report)
        )


def _parse_best_frame(text: str | None) -> Any:
    if text is None or text == "auto":
        return text
    if not (text.isdecimal() and len(text) <= 9):
        raise typer.BadParameter(f"--best-frame: expected auto or a frame number from 0; got {text!r}")
    return int(text)
