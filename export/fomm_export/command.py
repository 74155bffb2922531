"""`fomm-rt export`: exports a checkpoint to a model folder. Imports torch only when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fomm_export.output_folder import check_output
from fomm_rt.cli.options import AsJson, OverwriteOption, Quiet, Verbose
from fomm_rt.cli.terminal import running
from fomm_rt.errors import CheckpointError, FommError
from fomm_rt.machine.export_extra import how_to_install, missing_for_export
from fomm_rt.media.read.input_file import require_file


def export(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help="A published checkpoint (.pth.tar) or a safetensors file.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Model folder to write.", show_default="models/NAME"),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.yaml",
            help="vox-256, vox-adv-256, taichi-256, taichi-adv-256, bair-256, mgif-256, fashion-256, nemo-256, "
            "drawn-faces-256, or a published YAML file.",
            show_default="found by the checkpoint's SHA-256 or header",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side of the frames in pixels: 256, 512 or another multiple of 64.",
            show_default="training size",
        ),
    ] = None,
    align_corners: Annotated[
        bool,
        typer.Option(help="Sample as in training (default), or as the published demo does today."),
    ] = True,
    stand_in: Annotated[
        bool,
        typer.Option("--stand-in", help="Export untrained stand-in weights instead of a checkpoint."),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Add int8 graphs for animate --precision int8 on a CPU."),
    ] = False,
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CLIP",
            help="Set the int8 scales on this clip and check them on frames left out; repeatable.",
            show_default="bundled picture, moved",
        ),
    ] = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Export a checkpoint to a model folder (needs torch).

    The folder holds four ONNX files that run everywhere, CPU variants of two of
    them, and model.json. It appears only after ONNX Runtime has reproduced the
    PyTorch networks with it on a real picture.

    For example:

    fomm-rt export vox-adv-cpk.pth.tar --config vox-adv-256 -o models/vox-adv

    fomm-rt export vox-cpk.pth.tar --size 512 -o models/vox-512

    fomm-rt export vox-cpk.pth.tar --int8 --calibrate talking.mp4 -o models/vox-int8

    fomm-rt export --stand-in -o models/stand-in
    """
    if (checkpoint is None) != stand_in:
        raise typer.BadParameter("give a CHECKPOINT or --stand-in, not both")
    if calibrate and not int8:
        raise typer.BadParameter("--calibrate needs --int8")
    with running(quiet, as_json, verbose) as terminal:
        try:
            from fomm_export.export_model import ExportOptions, export_checkpoint, export_stand_in
        except ImportError as error:
            missing = missing_for_export()
            problem = how_to_install(missing) if missing else f"a package cannot be imported ({error})"
            raise FommError(f"nothing was exported: {problem}") from error
        options = ExportOptions(size, align_corners, int8, calibrate or ())
        target = output or Path("models") / (_model_name(checkpoint) if checkpoint is not None else "stand-in")
        _check_inputs(checkpoint, calibrate or [])
        check_output(target, terminal.replacing(overwrite))
        if checkpoint is None:
            folder = export_stand_in(target, config=config or "vox-256", options=options, progress=terminal.say)
        else:
            folder = export_checkpoint(checkpoint, target, config=config, options=options, progress=terminal.say)
        manifest, parity = folder.manifest, folder.manifest.parity
        if manifest.weights.origin == "unknown":
            terminal.warn(f"{checkpoint}: its SHA-256 is not that of a published file, so its origin is unknown")
        summary = (
            f"{folder.path}: {manifest.weights.describe()}; {manifest.size}×{manifest.size}, "
            f"prediction within {parity['max_abs']['prediction']:.1e} of PyTorch in float64"
        )
        if int8:
            summary += f"; int8 {parity['int8_psnr_db']:.1f} dB from exact on {parity['int8_checked_on']}"
        terminal.result(summary, {"path": str(folder.path), "weights": manifest.weights.describe(), "parity": parity})


def _check_inputs(checkpoint: Path | None, clips: Sequence[Path]) -> None:
    """Reports a missing file before a question about the output."""
    if checkpoint is not None and not checkpoint.exists():
        raise CheckpointError(f"{checkpoint}: there is no such file; give the path of a checkpoint")
    for clip in clips:
        require_file(clip)


def _model_name(checkpoint: Path) -> str:
    return checkpoint.name.split(".")[0].removesuffix("-cpk")
