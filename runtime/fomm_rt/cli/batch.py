"""`fomm-rt batch`: animate many pictures by many drivers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

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
from fomm_rt.cli.model import ModelOption
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
from fomm_rt.cli.terminal import Terminal, running

if TYPE_CHECKING:
    from fomm_rt.batch.run import Batch

RUN, CLUSTER = "Run", "Cluster"


def batch(
    jobs: Annotated[
        Path,
        typer.Argument(
            help="A folder of pictures; or a table of jobs: .csv, or .jsonl with a JSON object a line. Its paths are "
            "relative to the table."
        ),
    ],
    driving: Annotated[
        Path | None, typer.Argument(help="The driver of all jobs whose row names none; a folder needs it.")
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder of results, of the journal and of summary.json.")
    ],
    model: ModelOption = None,
    ending: Annotated[
        Literal["mp4", "mkv", "webm", "gif"],
        option("Result", "Format of results that the table does not name.", "--format"),
    ] = "mp4",
    source_crop: SourceCrop = None,
    source_fit: SourceFit = False,
    face: Face = None,
    driving_crop: DrivingCrop = None,
    driving_fit: DrivingFit = False,
    crop: Crop = None,
    fit: Fit = False,
    relative: Relative = True,
    adapt_scale: AdaptScale = True,
    start: Start = None,
    duration: Duration = None,
    best_frame: BestFrameText = None,
    smooth: Smooth = None,
    paste_back: PastedBack = False,
    panel: Panel = False,
    explain: Explain = False,
    audio: Audio = True,
    output_size: Size = None,
    quality: Quality = None,
    max_pixels: MaxPixels = None,
    dry_run: Annotated[
        bool, option(RUN, "Check the jobs and show what would be done, without doing it.", "--dry-run")
    ] = False,
    retry_failed: Annotated[
        bool, option(RUN, "Try jobs again that failed in an earlier run.", "--retry-failed")
    ] = False,
    workers: Annotated[
        int | None,
        option(
            RUN,
            "Processes that animate at the same time.",
            min=1,
            max=256,
            show_default="one a core, on GPUs one each, on a cluster as many as fit",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        option(
            CLUSTER,
            "Run on the Ray cluster at this address; auto: the one that this machine belongs to.",
            metavar="auto|HOST:PORT",
        ),
    ] = None,
    num_cpus: Annotated[
        float | None, option(CLUSTER, "Cores for each worker.", min=0, max=1024, show_default="1")
    ] = None,
    num_gpus: Annotated[
        float | None,
        option(
            CLUSTER,
            "GPUs for each worker; 0.5 lets two share one.",
            min=0,
            max=64,
            show_default="1 if the cluster has any and --backend allows it, else 0",
        ),
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
    """Animate many pictures.

    A journal in the folder of results says what was made from which inputs
    with which options. What is there and whole is not made again, so a run
    that was interrupted goes on. A job that fails does not stop the others.
    The exit code is 1 if any failed, now or before.

    The columns of a table are source, driving, output, and options of
    animate, such as model, smooth, best_frame or paste_back; the options
    here are for rows without a value of their own.

    fomm-rt batch faces/ talk.mp4 -o out/

    fomm-rt batch jobs.csv -o out/ --workers 2

    fomm-rt batch jobs.csv -o out/ --ray auto

    fomm-rt batch jobs.csv -o out/ --dry-run
    """
    if panel and explain:
        raise typer.BadParameter("--panel and --explain exclude each other; choose one")
    if ray is None and (num_cpus is not None or num_gpus is not None):
        raise typer.BadParameter("--num-cpus and --num-gpus need --ray")
    written = {
        "crop": crop,
        "source_crop": source_crop,
        "driving_crop": driving_crop,
        "fit": _yes(fit),
        "source_fit": _yes(source_fit),
        "driving_fit": _yes(driving_fit),
        "face": face,
        "relative": None if relative else "no",
        "adapt_scale": None if adapt_scale else "no",
        "start": start,
        "duration": duration,
        "best_frame": best_frame,
        "smooth": None if smooth is None else str(smooth),
        "paste_back": _yes(paste_back),
        "view": "panel" if panel else "explain" if explain else None,
        "audio": None if audio else "no",
        "output_size": output_size,
        "quality": None if quality is None else str(quality),
        "max_pixels": None if max_pixels is None else str(max_pixels),
    }
    with running(quiet, as_json, verbose) as terminal:
        from fomm_rt.batch.columns import ColumnError, fields_of
        from fomm_rt.batch.pools import PoolOptions, pool_maker
        from fomm_rt.batch.reading import read_jobs
        from fomm_rt.batch.run import Batch
        from fomm_rt.workers.messages import LoadOptions

        try:
            defaults = fields_of({name: value for name, value in written.items() if value is not None})
        except ColumnError as error:
            raise typer.BadParameter(f"--{error.column.replace('_', '-')}: {error}") from None
        read = read_jobs(jobs, driving, defaults, f".{ending}")
        if read.passed_over:
            terminal.say(f"{jobs}: files other than pictures are ignored: {read.passed_over}")
        load = LoadOptions(model, backend, precision, None if engines is None else str(engines.absolute()), threads)
        pool = pool_maker(PoolOptions(workers, ray, num_cpus, num_gpus, verbose))
        run = Batch(
            read.placed,
            read.inputs,
            output,
            load,
            pool,
            retry_failed,
            terminal.replacing(overwrite),
            say=terminal.say,
            name=str(jobs),
            table=None if jobs.is_dir() else jobs,
        )
        run.check()
        failed = _show_plan(terminal, run) if dry_run else _run(terminal, run)
        if failed:
            raise typer.Exit(1)


def _yes(flag: bool) -> str | None:
    return "yes" if flag else None


def _run(terminal: Terminal, run: Batch) -> bool:
    """Does the jobs; returns True if any failed."""
    from fomm_rt.batch.checks import SUMMARY_NAME
    from fomm_rt.batch.summary import summary_document
    from fomm_rt.cli.batch_table import line_of, table_of, totals

    start = perf_counter()
    ended = []
    with terminal.frames("jobs") as progress, closing(run.results()) as results:
        for result in results:
            ended.append(result)
            if result.state == "failed":
                terminal.warn(line_of(result))
            elif result.state == "made":
                terminal.say(line_of(result))
                for warning in result.animated.warnings if result.animated else ():
                    terminal.warn(f"{result.job.output}: {warning}")
            progress("animating", len(ended), len(run.placed))
    seconds = perf_counter() - start
    by_output = {result.job.output: result for result in ended}
    ordered = [by_output[placed.job.output] for placed in run.placed]
    summary = run.outputs / SUMMARY_NAME
    terminal.result(
        f"{table_of(ordered)}\n\n{totals(ordered)} in {seconds:.1f} s; {summary}",
        summary_document(ordered, seconds),
    )
    return any(result.state == "failed" for result in ordered)


def _show_plan(terminal: Terminal, run: Batch) -> bool:
    """Shows what a run would do; returns True if jobs failed before that it would not try again."""
    from fomm_rt.batch.plan import with_results
    from fomm_rt.batch.summary import summary_document
    from fomm_rt.cli.batch_table import table_of, totals
    from fomm_rt.files.overwriting import name_all

    plan = run.plan()
    results = with_results([placed.job for placed in run.placed], plan.ended.items())
    for job in run.missing_inputs(plan):
        terminal.warn(job)
    if plan.foreign:
        terminal.warn(f"{name_all(plan.foreign)} already, and no run has made it; a run overwrites it only with -y")
    count = len(plan.to_make)
    terminal.result(
        f"{table_of(results)}\n\n{totals(results)}; a run would make {count} result{'s' * (count != 1)}",
        {**summary_document(results, 0.0), "dry_run": True},
    )
    return any(result.state == "failed" for result in results)
