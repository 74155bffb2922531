"""`fomm-rt bench clip`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from fomm_bench.results.command_line import command_line
from fomm_rt.cli.model import HELP, METAVAR, complete_model
from fomm_rt.cli.options import AsJson, BackendOption, PrecisionOption, Quiet, Verbose
from fomm_rt.cli.terminal import running


def clip(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar=METAVAR,
            help=HELP,
            show_default="the bundled one",
            autocompletion=complete_model,
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The source image.", show_default="the demo's")
    ] = None,
    clip: Annotated[
        Path | None, typer.Option("--clip", metavar="FILE", help="The driving clip.", show_default="the demo's")
    ] = None,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs.")] = 3,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Time `animate` on a whole clip, with decoding and encoding.

    Each run is done twice: as `animate` does it, for the frames per second,
    and with one part after another, for the CPU time of each part.

    For example:

    fomm-rt bench clip -m vox-adv --clip talking.mp4
    """
    with running(quiet, as_json, verbose) as terminal:
        from fomm_bench.clip.benchmark import render_clip, time_clip
        from fomm_bench.machine.environment import describe_environment
        from fomm_bench.model.bench_media import BenchMedia, bench_media
        from fomm_rt.animator import Animator
        from fomm_rt.media.read.input_file import require_file

        for file in (picture, clip):
            if file is not None:
                require_file(file)
        with Animator.load(model, backend, precision=precision) as animator:
            media = bench_media(animator.manifest.weights.origin == "own")
            media = BenchMedia(picture or media.picture, clip or media.clip)
            with terminal.frames("runs") as progress:
                speed = time_clip(animator, media, runs, progress)
            title = f"{animator.manifest.name}, {media.describe()}, on {animator.backend.device}"
            title += f", {precision}" if precision else ""
            document: dict[str, Any] = {
                "benchmark": "clip",
                "command": command_line(),
                "environment": describe_environment(),
                "model": animator.manifest.name,
                "backend": asdict(animator.backend),
                "precision": precision,
                **msgspec.to_builtins(speed),
            }
            terminal.result("\n".join([title, *render_clip(speed)]), document)
