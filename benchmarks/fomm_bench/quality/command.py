"""`fomm-rt bench quality`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fomm_bench import options
from fomm_bench.options import measurement_option
from fomm_bench.results.command_line import command_line
from fomm_rt.cli.options import AsJson, OverwriteOption, Quiet, Verbose
from fomm_rt.cli.terminal import running


def quality(
    model: options.Model = None,
    config: options.Config = None,
    bundled: options.Bundled = False,
    checkpoint: options.Checkpoint = None,
    size: options.Size = None,
    contestant: options.Contestants = None,
    python: options.OtherPythons = None,
    timeout: options.Timeout = options.TIMEOUT_S,
    clip: Annotated[
        Path | None,
        measurement_option(metavar="FILE", help="The clip to reconstruct.", show_default="one that suits the model"),
    ] = None,
    frames: Annotated[int, measurement_option(min=1, help="Frames of the clip, at most.")] = 300,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.json", help="Write the figures there.")
    ] = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruct a clip from its first frame, as the paper does, with every backend and precision.

    Without -c, all of fomm-rt take part. Landmarks are of faces, by a detector
    that is no part of the model. The last column compares with the first
    contestant, which is exact.

    For example:

    fomm-rt bench quality --bundled

    fomm-rt bench quality -m vox-adv --clip talking.mp4 -o quality.json
    """
    with running(quiet, as_json, verbose) as terminal:
        from fomm_bench.model.bench_model import ModelChoice, open_bench_model
        from fomm_bench.quality.run import contestants_of, run_quality
        from fomm_bench.results.results_file import write_document
        from fomm_bench.run.launcher import parse_pythons
        from fomm_rt.files.overwriting import check_overwrite
        from fomm_rt.files.staging import check_target
        from fomm_rt.media.read.input_file import require_file

        names = contestant or []
        # Report wrong options before loading anything.
        pythons = parse_pythons(python or [], [entry.name for entry in contestants_of(names)])
        if clip is not None:
            require_file(clip)
        if output is not None:
            check_target(output)
            check_overwrite([output] if output.exists() else [], terminal.replacing(overwrite))
        choice = ModelChoice(model, config, bundled, checkpoint, size)
        with open_bench_model(choice, False, terminal.say) as opened, terminal.frames() as progress:
            text, document = run_quality(
                opened, names, clip, frames, pythons=pythons, timeout_s=timeout, progress=progress
            )
        document["command"] = command_line()
        if output is not None:
            write_document(output, document)
        terminal.result(text, document)
        if any(found["problem"] and found["problem"].startswith("failed") for found in document["contestants"]):
            raise typer.Exit(1)
