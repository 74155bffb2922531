"""`fomm-rt build`: builds TensorRT engines of a model folder. TensorRT is imported only when the command runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fomm_build.targets import parse_targets
from fomm_rt.backends.tensorrt.backend import rtx_supports
from fomm_rt.backends.tensorrt.library import why_not_importable
from fomm_rt.cli.model import ModelArgument
from fomm_rt.cli.options import AsJson, OverwriteOption, Quiet, Verbose
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.engines.manifest import TENSORRT, TENSORRT_RTX
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver

if TYPE_CHECKING:
    from fomm_build.build import BuildResult, Report

NOT_CHECKED = "not compared with the model, as no GPU here runs these engines; build on that GPU to compare them"


def build(
    model: ModelArgument = None,
    backend: Annotated[
        Literal["tensorrt", "tensorrt-rtx"] | None,
        typer.Option(
            help="tensorrt (data-centre GPUs, Jetson; built on the GPU itself) or tensorrt-rtx (GeForce RTX, RTX PRO).",
            show_default="tensorrt if it is installed and there is a GPU, else tensorrt-rtx",
        ),
    ] = None,
    precision: Annotated[
        Literal["fp16", "fp32"], typer.Option(help="fp16: convolutions in half precision, keypoints in float32.")
    ] = "fp16",
    max_batch: Annotated[int, typer.Option(min=1, help="Largest batch of frames.")] = 1,
    layout: Annotated[
        Literal["split", "whole"],
        typer.Option(
            help="split: for fomm-rt itself. whole: self-contained engine files, for C++, trtexec or a server.",
        ),
    ] = "split",
    target: Annotated[
        str | None,
        typer.Option(
            metavar="8.9,12.0",
            help="Compute capabilities to build for on any machine, with tensorrt-rtx; also as sm_89,sm_120. Whole "
            "engines of several targets go into a folder each, such as FOLDER/sm_89.",
            show_default="this machine's GPU",
        ),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build even if these engines exist.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="split: engine store, which --engines of other commands names. whole: folder for the engine files.",
            show_default="split: fomm-rt/engines in the cache; whole: engines/MODEL",
        ),
    ] = None,
    keep_onnx: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also write the graphs that engines are built from, for Polygraphy or Netron."
        ),
    ] = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Build TensorRT engines of a model (needs TensorRT, not torch).

    Engines are published when all of them are complete; an interrupted build
    leaves nothing. fomm-rt finds the engines in the store that fit by itself.
    Whole engines are NAME.engine and manifest.json in the output folder; a
    rebuild keeps these paths. Engines of another model or for another GPU in
    that folder are replaced with -y, or after a question.

    For example:

    fomm-rt build vox-adv

    fomm-rt build vox-adv --backend tensorrt-rtx --target 8.9,12.0

    fomm-rt build vox-adv --max-batch 8 --layout whole -o engines/vox-adv
    """
    try:
        targets = parse_targets(target) if target is not None else ()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--target") from None
    with running(quiet, as_json, verbose) as terminal:
        try:
            from fomm_build.build import WHOLE, BuildOptions, build_engines, build_whole_engines
        except ImportError as error:
            raise BackendError(
                f"building engines needs packages that are not installed ({error}); install them with: "
                'pip install "fomm-rt[rtx]", or "fomm-rt[tensorrt]"'
            ) from error
        from fomm_rt.bundled import open_model
        from fomm_rt.engines.store import EngineStore

        options = BuildOptions(
            _chosen(bool(targets)) if backend is None else backend,
            precision,
            layout,
            max_batch,
            targets,
            rebuild,
            keep_onnx,
        )
        may_replace = terminal.replacing(overwrite)
        folder = open_model(model)
        if model is None:
            terminal.say(f"no model given: building the bundled {folder.manifest.name}")
        with _progress(terminal) as report:
            if layout == WHOLE:
                target_folder = output or Path("engines") / folder.manifest.name
                results = build_whole_engines(folder, options, target_folder, report, may_replace)
            else:
                results = [build_engines(folder, options, EngineStore(output), report, may_replace)]
        documents = [_document(result) for result in results]
        terminal.result(
            "\n".join(map(_described, results)), documents[0] if len(documents) == 1 else {"sets": documents}
        )


def _chosen(for_targets: bool) -> str:
    gpu = None if for_targets else nvidia_driver.gpu()
    if gpu is None:
        return TENSORRT_RTX
    return TENSORRT_RTX if rtx_supports(gpu) and why_not_importable(TENSORRT) is not None else TENSORRT


def _described(result: BuildResult) -> str:
    from fomm_build.engine_layers import convolutions

    manifest = result.engines.manifest
    spec = manifest.spec
    lines = [
        f"{result.engines.path}: {manifest.model_name}, {spec.flavour} {spec.library_version}, "
        f"{', '.join(spec.capabilities)}, {spec.precision}, {spec.layout}, batch "
        + (f"1 to {spec.max_batch}" if spec.max_batch > 1 else "1")
        + ("" if result.built else "; built before (--rebuild builds it again)")
    ]
    for name, engine in manifest.engines.items():
        line = f"  {name:<19} {engine.size_bytes / 2**20:7.1f} MiB {engine.build_s:7.1f} s"
        if name in result.built:
            half, full = convolutions(result.built[name].network)
            line += f"  {half} half, {full} float32 convolutions"
        lines.append(line)
    lines.append(f"  {'parity':<19} {_parity(manifest.parity)}")
    return "\n".join(lines)


def _parity(parity: dict[str, Any] | None) -> str:
    if parity is None:
        return NOT_CHECKED
    psnr = parity["prediction_psnr_db"]  # infinite, or None from JSON, if nothing differs
    prediction = "identical to" if psnr is None or not isfinite(psnr) else f"{psnr:.1f} dB from"
    return f"keypoints within {parity['keypoints_pixels']:.3f} pixel, prediction {prediction} the model's"


def _document(result: BuildResult) -> dict[str, Any]:
    path = str(result.engines.path)
    return {"path": path, "built_now": bool(result.built), **result.engines.manifest.as_json()}


@contextmanager
def _progress(terminal: Terminal) -> Iterator[Report]:
    """Shows a bar for each engine on a terminal, else a line; nothing if quiet."""
    if terminal.quiet or not terminal.err.is_terminal:
        said: set[str] = set()

        def say(what: str, _fraction: float) -> None:
            if what not in said:
                said.add(what)
                terminal.say(what)

        yield say
        return
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with terminal.stopping_for_questions(Progress(*columns, console=terminal.err, transient=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, fraction: float) -> None:
            bars.start()  # does nothing if it runs
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=fraction)

        yield show
