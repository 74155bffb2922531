"""`fomm-rt animate`: animate a picture by a driving video."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fomm_rt.cli.model import ModelOption, announce
from fomm_rt.cli.options import AsJson, BackendOption, Engines, PrecisionOption, Quiet, Threads, parse_rectangle
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
    best_frame: Annotated[
        str | None,
        _option(
            "Motion",
            "The reference frame: the one posed most like the source, or number N, counted from 0.",
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
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    engines: Engines = None,
    threads: Threads = None,
    quiet: Quiet = False,
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
    """
    if panel and explain:
        raise typer.BadParameter("--panel and --explain exclude each other; choose one")
    source_framing = Framing("fit" if fit or source_fit else "crop", parse_rectangle(source_crop or crop))
    driving_framing = Framing("fit" if fit or driving_fit else "crop", parse_rectangle(driving_crop or crop))
    reference = _parse_best_frame(best_frame)
    with running(quiet, as_json) as terminal:
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
                progress=progress,
                on_load=on_load,
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
