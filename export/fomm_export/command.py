"""`fomm-rt export`: exports a checkpoint to a model folder. Imports torch only when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fomm_export import options
from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_export.checkpoints.published import CONFIGURATIONS
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
            help=f"{', '.join([*CONFIGURATIONS, *OWN_NAMES])}, or a published YAML file.",
            show_default="found by the checkpoint's SHA-256 or header",
        ),
    ] = None,
    size: options.Size = None,
    align_corners: Annotated[
        bool,
        typer.Option(help="Sample as in training (default), or as the published demo does today."),
    ] = True,
    stand_in: Annotated[
        bool,
        typer.Option("--stand-in", help="Export untrained stand-in weights instead of a checkpoint."),
    ] = False,
    int8: options.Int8 = False,
    calibrate: options.Calibrate = None,
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
    if checkpoint is None and not stand_in:
        raise typer.BadParameter("missing CHECKPOINT; --stand-in exports untrained weights without one")
    if checkpoint is not None and stand_in:
        raise typer.BadParameter("CHECKPOINT and --stand-in exclude each other; choose one")
    if calibrate and not int8:
        raise typer.BadParameter("--calibrate needs --int8")
    with running(quiet, as_json, verbose) as terminal:
        try:
            from fomm_export.export_model import ExportOptions, export_checkpoint, export_stand_in
        except ImportError as error:
            missing = missing_for_export()
            problem = how_to_install(missing) if missing else f"a package cannot be imported ({error})"
            raise FommError(f"nothing was exported: {problem}") from error
        chosen = ExportOptions(size, align_corners, int8, calibrate or ())
        target = output or Path("models") / (_model_name(checkpoint) if checkpoint is not None else "stand-in")
        _check_inputs(checkpoint, calibrate or [])
        check_output(target, terminal.replacing(overwrite))
        if checkpoint is None:
            folder = export_stand_in(target, config=config or "vox-256", options=chosen, progress=terminal.say)
        else:
            folder = export_checkpoint(checkpoint, target, config=config, options=chosen, progress=terminal.say)
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
