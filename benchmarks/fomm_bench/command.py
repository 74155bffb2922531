"""`fomm-rt bench` and its commands."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_bench import options
from fomm_bench.clip.command import clip
from fomm_bench.options import measurement_option
from fomm_bench.quality.command import quality
from fomm_bench.results.command_line import command_line
from fomm_rt.cli.options import AsJson, OverwriteOption, Quiet, Verbose
from fomm_rt.cli.terminal import Terminal, running

if TYPE_CHECKING:
    from fomm_bench.results.run_result import RunResult

CPU_FRAMES, GPU_FRAMES = 4, 25
"""Frames of a turn: with ten rounds, enough for a 99th percentile on a GPU, and fast enough on a CPU."""
FRAMES = f"{CPU_FRAMES} on a CPU, {GPU_FRAMES} on a GPU"

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(quality)
app.command()(clip)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    model: options.Model = None,
    config: options.Config = None,
    bundled: options.Bundled = False,
    checkpoint: options.Checkpoint = None,
    size: options.Size = None,
    contestant: options.Contestants = None,
    python: options.OtherPythons = None,
    threads: options.Threads = None,
    timeout: options.Timeout = options.TIMEOUT_S,
    rounds: Annotated[int, measurement_option(min=1, help="Turns of each contestant.")] = 10,
    frames: Annotated[int | None, measurement_option(min=1, help="Frames of a turn.", show_default=FRAMES)] = None,
    batches: Annotated[str, measurement_option(metavar="1,2,…", help="Batch sizes to measure.")] = "1,2,4",
    measures: Annotated[
        str, measurement_option(metavar="A,B,…", help="What to measure: latency (always measured), batches, ceiling.")
    ] = ",".join(options.MEASURES),
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write results and charts there.", show_default=False),
    ] = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Compare the speed of fomm-rt with PyTorch and other runtimes.

    Contestants run in processes of their own and take turns on the same
    frames. A contestant that does not agree with the reference has no speed.
    Exit code 1 if one fails or does not agree.

    For example:

    fomm-rt bench -o results/bench

    fomm-rt bench -m vox-adv --checkpoint vox-adv-cpk.pth.tar

    fomm-rt bench -c fomm-rt:onnxruntime-cpu -c openvino --size 512
    """
    if context.invoked_subcommand is not None:
        for name in context.params:
            if options.is_given(context, name):
                raise typer.BadParameter(f"--{name} belongs after {context.invoked_subcommand}; move it there")
        return
    measured = options.parse_measures(measures)
    if "batches" not in measured and options.is_given(context, "batches"):
        raise typer.BadParameter("--batches: batches are not among the --measures; add them, or leave out --batches")
    batch_sizes = options.parse_batches(batches) if "batches" in measured else ()
    with running(quiet, as_json, verbose) as terminal:
        from fomm_bench.contestants.registry import choose, first_references
        from fomm_bench.model.bench_model import ModelChoice, open_bench_model
        from fomm_bench.results.results_file import FILE_NAME, document_of, write_results
        from fomm_bench.results.table import render
        from fomm_bench.run.benchmark import run_benchmark
        from fomm_bench.run.launcher import parse_pythons
        from fomm_bench.run.plan import Plan
        from fomm_rt.machine.processor import allowed_cores

        plan = Plan(rounds, frames or CPU_FRAMES, frames or GPU_FRAMES, batch_sizes)
        chosen = choose(contestant or [])
        pythons = parse_pythons(python or [], [*(entry.name for entry in chosen), *first_references(chosen)])
        _check_output(terminal, output, overwrite)
        choice = ModelChoice(model, config, bundled, checkpoint, size)
        with open_bench_model(choice, True, terminal.say) as opened, terminal.frames("rounds") as progress:
            run = run_benchmark(
                opened,
                chosen,
                plan,
                ceiling="ceiling" in measured,
                pythons=pythons,
                threads=threads or allowed_cores(),
                timeout_s=timeout,
                command=command_line(),
                progress=progress,
            )
        terminal.result(render(run), document_of(run))  # first, in case the folder cannot be written
        if output is not None:
            write_results(output / FILE_NAME, run)
            _draw(terminal, output, [run])
            terminal.say(f"results and charts are in {output}")
        if any(found.state in ("failed", "disagrees") for found in run.contestants):
            raise typer.Exit(1)


@app.command()
def report(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders of results of fomm-rt bench, or their files.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Draw charts there.", show_default=False),
    ] = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Show results of several runs: a table for each model, size and machine.

    Ratios stay within one run. With -o, charts are drawn; runs of one model
    at several sizes also get charts over the size.

    For example:

    fomm-rt bench report results/bench results/bench-512
    """
    with running(quiet, as_json, verbose) as terminal:
        from fomm_bench.machine.environment import describe_environment
        from fomm_bench.results.environment import Environment
        from fomm_bench.results.merged_runs import MergedRuns

        merged = MergedRuns.read(results, Environment(**describe_environment()))
        _check_output(terminal, output, overwrite, with_results=False)
        if output is not None:
            _draw(terminal, output, merged.runs)
        terminal.result(merged.render(), merged.as_json())


def _draw(terminal: Terminal, output: Path, runs: list[RunResult]) -> None:
    from fomm_bench.charts.chart_files import remove_stale_charts

    drawn: list[Path] = []
    if find_spec("matplotlib") is None:
        terminal.warn('no charts: matplotlib is not installed; install it with: pip install "fomm-rt[bench]"')
    else:
        from fomm_bench.charts.draw_charts import draw_charts

        drawn = draw_charts(runs, output)
    for path in drawn:
        terminal.say(f"drawn: {path}")
    for path in remove_stale_charts(output, drawn):
        terminal.say(f"removed, because it shows earlier results: {path}")


def _check_output(
    terminal: Terminal, output: Path | None, overwrite: bool | None, *, with_results: bool = True
) -> None:
    """Reports a folder that cannot be written, or that holds results, before minutes of work."""
    from fomm_bench.charts.chart_files import charts_in
    from fomm_bench.results.results_file import FILE_NAME
    from fomm_rt.files.overwriting import check_overwrite
    from fomm_rt.files.staging import check_target

    if output is None:
        return
    file = output / FILE_NAME
    check_target(file)
    check_overwrite(
        [*([file] if with_results and file.exists() else []), *charts_in(output)], terminal.replacing(overwrite)
    )
