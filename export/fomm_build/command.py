"""`fomm-rt build`: a model folder to TensorRT engines. TensorRT is imported only when it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fomm_rt.backends.tensorrt import library as tensorrt_library
from fomm_rt.backends.tensorrt.backend import NOT_RTX
from fomm_rt.cli.model import ModelArgument
from fomm_rt.cli.options import AsJson, Quiet
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.engines.manifest import FLAVOURS, LAYOUTS, TENSORRT, TENSORRT_RTX
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.precision import ENGINE_PRECISIONS

if TYPE_CHECKING:
    from fomm_build.build import Report
    from fomm_build.builder import BuiltEngine
    from fomm_rt.engines.store import EngineFolder

NOT_CHECKED = "not compared with the model: that takes a GPU they run on; to have it done, build them there"


def build(
    model: ModelArgument = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="tensorrt (data-centre cards, Jetson; on the card itself) or tensorrt-rtx (GeForce RTX, RTX PRO).",
            show_default="tensorrt where it is installed and there is a GPU, else tensorrt-rtx",
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="fp16: convolutions in half, keypoints in float32; or fp32.")
    ] = "fp16",
    max_batch: Annotated[int, typer.Option(min=1, help="The most frames that an engine takes at a time.")] = 1,
    layout: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="split: for fomm-rt's own runtime. whole: self-contained engines for C++, trtexec or a server.",
        ),
    ] = "split",
    target: Annotated[
        str | None,
        typer.Option(
            metavar="sm_89,sm_120",
            help="GPUs to build for by compute capability, with tensorrt-rtx, from any machine.",
            show_default="the GPU here",
        ),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build again what has been built.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to keep engines in.", show_default="fomm-rt/engines in the cache"),
    ] = None,
    keep_onnx: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also write the graphs that engines are built of, for Polygraphy or Netron."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Build TensorRT engines of a model (needs TensorRT; no torch).

    They appear in the engine store only when all of them are whole, and a
    build that is interrupted leaves nothing. The runtime finds those that fit
    by itself.

    For example:

    fomm-rt build models/vox-adv

    fomm-rt build models/vox-adv --backend tensorrt-rtx --target sm_89,sm_120

    fomm-rt build models/vox-adv --max-batch 8 --layout whole -o engines
    """
    for name, value, choices in (
        ("--backend", backend, FLAVOURS),
        ("--precision", precision, ENGINE_PRECISIONS),
        ("--layout", layout, LAYOUTS),
    ):
        if value is not None and value not in choices:
            raise typer.BadParameter(f"expected one of {', '.join(choices)}; got {value!r}", param_hint=name)
    targets = tuple(name.strip() for name in target.split(",")) if target is not None else ()
    if target is not None and not all(targets):
        raise typer.BadParameter(f"expected names such as sm_89,sm_120; got {target!r}", param_hint="--target")
    with running(quiet, as_json) as terminal:
        try:
            from fomm_build.build import BuildOptions, build_engines
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
        folder = open_model(model)
        if model is None:
            terminal.say(f"no model given: building the bundled {folder.manifest.name}")
        engines: dict[str, BuiltEngine] = {}
        with _progress(terminal) as report:
            found = build_engines(folder, options, EngineStore(output), report, engines.__setitem__)
        terminal.result(_described(found, engines), _document(found, engines))


def _chosen(for_targets: bool) -> str:
    gpu = None if for_targets else nvidia_driver.gpu()
    if gpu is None:
        return TENSORRT_RTX
    return TENSORRT if gpu.capability in NOT_RTX or tensorrt_library.why_unavailable(TENSORRT) is None else TENSORRT_RTX


def _described(folder: EngineFolder, engines: dict[str, BuiltEngine]) -> str:
    from fomm_build.engine_layers import convolutions

    manifest = folder.manifest
    spec = manifest.spec
    lines = [
        f"{folder.path}: {manifest.model_name}, {spec.flavour} {spec.library_version}, {', '.join(spec.capabilities)}, "
        f"{spec.precision}, {spec.layout}, batch "
        + (f"1 to {spec.max_batch}" if spec.max_batch > 1 else "1")
        + ("" if engines else "; built before (--rebuild builds it again)")
    ]
    for name, file in manifest.engines.items():
        line = f"  {file.file:<26} {file.size_bytes / 2**20:7.1f} MiB {file.build_s:7.1f} s"
        if name in engines:
            half, full = convolutions(engines[name].network)
            line += f"  {half} half, {full} float32 convolutions"
        lines.append(line)
    lines.append(f"  {'parity':<26} {_parity(manifest.parity)}")
    return "\n".join(lines)


def _parity(parity: dict[str, Any] | None) -> str:
    if parity is None:
        return NOT_CHECKED
    psnr = parity["prediction_psnr_db"]  # infinite, or null as JSON has it, where nothing differs
    prediction = "identical to" if psnr is None or not isfinite(psnr) else f"{psnr:.1f} dB from"
    return f"keypoints within {parity['keypoints_pixels']:.3f} pixel, prediction {prediction} the model's"


def _document(folder: EngineFolder, engines: dict[str, BuiltEngine]) -> dict[str, Any]:
    from dataclasses import asdict

    return {"path": str(folder.path), "built_now": bool(engines), **asdict(folder.manifest)}


@contextmanager
def _progress(terminal: Terminal) -> Iterator[Report]:
    """A bar for every engine on a terminal, else a line for each; nothing if quiet."""
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
    with Progress(*columns, console=terminal.err, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, fraction: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=fraction)

        yield show
