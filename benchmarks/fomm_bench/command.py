"""`fomm-rt bench`: speed and quality against PyTorch and its rivals."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fomm_bench import options
from fomm_bench.options import TIMEOUT_S, WHAT
from fomm_bench.results.command_line import command_line
from fomm_rt.cli.options import AsJson, BackendOption, PrecisionOption, Quiet
from fomm_rt.cli.terminal import Terminal, running

if TYPE_CHECKING:
    from fomm_bench.results.run_result import Results

CPU_FRAMES, GPU_FRAMES = 4, 25
"""Of a turn: with ten rounds, on a GPU enough for a 99th percentile, on a CPU few enough to wait for."""

app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    model: options.ModelFolder = None,
    config: options.Config = None,
    bundled: options.Bundled = False,
    checkpoint: options.Checkpoint = None,
    size: options.Size = None,
    contestant: options.Contestants = None,
    python: options.OtherPythons = None,
    threads: options.Threads = None,
    timeout: options.Timeout = TIMEOUT_S,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contestant.", rich_help_panel=WHAT)] = 10,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Frames of a turn.",
            show_default=f"{CPU_FRAMES} on a CPU, {GPU_FRAMES} on a GPU",
            rich_help_panel=WHAT,
        ),
    ] = None,
    batches: Annotated[
        str, typer.Option(metavar="1,2,…", help="Batch sizes of the throughput.", rich_help_panel=WHAT)
    ] = "1,2,4",
    measures: Annotated[
        str,
        typer.Option(metavar="A,B,…", help="latency (always measured), batches, ceiling.", rich_help_panel=WHAT),
    ] = ",".join(options.MEASURES),
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write results and pictures there.", show_default=False),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare the speed of fomm-rt with PyTorch and its rivals.

    Contestants run in processes of their own and take turns on the same
    frames. One whose pictures are not the reference's has no speed. Exit
    code 1 if one failed or does not agree.

    For example:

    fomm-rt bench -o results/bench

    fomm-rt bench -m models/vox-adv --checkpoint vox-adv-cpk.pth.tar

    fomm-rt bench -c fomm-rt:onnxruntime-cpu -c openvino --size 512
    """
    if context.invoked_subcommand is not None:
        for name in context.params:
            if options.is_given(context, name):
                raise typer.BadParameter(f"--{name} is for bench itself; give it after {context.invoked_subcommand}")
        return
    wanted = options.parse_measures(measures)
    if "batches" not in wanted and options.is_given(context, "batches"):
        raise typer.BadParameter("--batches: batches are not among the --measures; add them, or leave --batches out")
    batch_sizes = options.parse_batches(batches) if "batches" in wanted else ()
    with running(quiet, as_json) as terminal:
        from fomm_bench.contestants.registry import choose
        from fomm_bench.model.bench_model import ModelChoice, open_bench_model
        from fomm_bench.run.benchmark import run_benchmark
        from fomm_bench.run.comparison import Plan, first_references
        from fomm_bench.run.pythons import Pythons
        from fomm_rt.machine.processor import allowed_cores

        plan = Plan(rounds, frames or CPU_FRAMES, frames or GPU_FRAMES, batch_sizes)
        chosen = choose(contestant or [])
        pythons = Pythons.parse(python or [], [*(entry.name for entry in chosen), *first_references(chosen)])
        if output is not None:
            _check_output(output)
        choice = ModelChoice(model, config, bundled, checkpoint, size)
        with open_bench_model(choice, True, terminal.say) as opened, terminal.frames("rounds") as progress:
            results = run_benchmark(
                opened,
                chosen,
                plan,
                ceiling="ceiling" in wanted,
                pythons=pythons,
                threads=threads or allowed_cores(),
                timeout_s=timeout,
                command=command_line(),
                progress=progress,
            )
        _report(terminal, results, output)
        if any(found.state in ("failed", "disagrees") for found in results.contestants):
            raise typer.Exit(1)


@app.command()
def report(
    files: Annotated[list[Path], typer.Argument(metavar="A.json [B.json …]", help="Results of fomm-rt bench.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Draw the pictures there.", show_default=False),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show results of several runs: a table for each model, size and machine.

    Ratios are within one run only. With -o pictures are drawn; runs of one
    model at several sizes are drawn over the size as well.

    For example:

    fomm-rt bench report results/bench/results.json results/bench-512/results.json
    """
    with running(quiet, as_json) as terminal:
        from fomm_bench.machine.environment import describe_environment
        from fomm_bench.results.merged_runs import Merged

        merged = Merged.read(files, describe_environment())
        if output is not None:
            _check_output(output)
            _draw(terminal, output, merged.runs)
        terminal.result(merged.render(), merged.as_json())


@app.command()
def quality(
    model: options.ModelFolder = None,
    config: options.Config = None,
    bundled: options.Bundled = False,
    checkpoint: options.Checkpoint = None,
    size: options.Size = None,
    contestant: options.Contestants = None,
    python: options.OtherPythons = None,
    timeout: options.Timeout = TIMEOUT_S,
    clip: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What is reconstructed.", show_default="what suits the model", rich_help_panel=WHAT
        ),
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="At most this many.", rich_help_panel=WHAT)] = 300,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.json", help="Write the figures there.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruct a clip from its first frame, as the paper does, by every backend and precision.

    Without -c, those of fomm-rt. The last column compares with the pictures
    of the first one, which is exact.

    For example:

    fomm-rt bench quality --bundled

    fomm-rt bench quality -m models/vox-adv --clip talking.mp4 -o quality.json
    """
    with running(quiet, as_json) as terminal:
        from fomm_bench.model.bench_model import ModelChoice, open_bench_model
        from fomm_bench.quality.run import run_quality, taking_part
        from fomm_bench.run.pythons import Pythons
        from fomm_rt.files.staging import check_target

        # What is wrong is said before seconds of loading.
        pythons = Pythons.parse(python or [], [entry.name for entry in taking_part(contestant or [])])
        if output is not None:
            check_target(output)
        choice = ModelChoice(model, config, bundled, checkpoint, size)
        with open_bench_model(choice, False, terminal.say) as opened, terminal.frames() as progress:
            text, document = run_quality(
                opened, contestant or [], clip, frames, pythons=pythons, timeout_s=timeout, progress=progress
            )
        document["command"] = command_line()
        if output is not None:
            from fomm_bench.results.results_file import write_document

            write_document(output, document)
        terminal.result(text, document)
        if any(found["problem"] and found["problem"].startswith("failed") for found in document["contestants"]):
            raise typer.Exit(1)


@app.command()
def clip(
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="FOLDER", help="A model folder.", show_default="the bundled one"),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is animated.", show_default="the demo's")
    ] = None,
    clip: Annotated[
        Path | None, typer.Option("--clip", metavar="FILE", help="What drives it.", show_default="the demo's")
    ] = None,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    runs: Annotated[int, typer.Option(min=1, help="How often.")] = 3,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Time `animate` on a whole clip, with decoding and encoding.

    Each run is done twice: as `animate` does it, which gives frames per
    second, and with one part after another, which gives the CPU time of each.

    For example:

    fomm-rt bench clip -m models/vox-adv --clip talking.mp4
    """
    with running(quiet, as_json) as terminal:
        from fomm_bench.clip.benchmark import render_clip, time_clip
        from fomm_bench.machine.environment import describe_environment
        from fomm_bench.model.bench_media import BenchMedia, bench_media
        from fomm_rt.animator import Animator

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
                **speed.as_json(),
            }
            terminal.result("\n".join([title, *render_clip(speed)]), document)


def _report(terminal: Terminal, results: Results, output: Path | None) -> None:
    from fomm_bench.results.results_file import document_of, write_results
    from fomm_bench.results.table import render

    terminal.result(render(results), document_of(results))  # first: what follows may not find room
    if output is not None:
        write_results(output / "results.json", results)
        _draw(terminal, output, [results])
        terminal.say(f"results and pictures are in {output}")


def _draw(terminal: Terminal, output: Path, runs: list[Results]) -> None:
    if find_spec("matplotlib") is None:
        terminal.warn('no pictures: matplotlib is not installed; install it with: pip install "fomm-rt[bench]"')
        return
    from fomm_bench.charts.draw_charts import draw_charts

    for path in draw_charts(runs, output):
        terminal.say(f"drawn: {path}")


def _check_output(output: Path) -> None:
    """Before minutes of work."""
    from fomm_rt.files.staging import check_target

    check_target(output / "results.json")
