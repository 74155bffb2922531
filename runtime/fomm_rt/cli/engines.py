"""`fomm-rt engines`: lists and removes built TensorRT engines."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from fomm_kernels import KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt.backends.tensorrt.library import load_tensorrt
from fomm_rt.bundled import open_model
from fomm_rt.cli.model import METAVAR, complete_model
from fomm_rt.cli.options import AsJson, Engines, Quiet, Verbose
from fomm_rt.cli.terminal import running
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import model_hash
from fomm_rt.engines.requirements import EngineRequirements
from fomm_rt.engines.store import EngineStore
from fomm_rt.engines.summary import summarize
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.machine import nvidia_driver

app = typer.Typer(no_args_is_help=True, help="List and remove built TensorRT engines.")

OfModel = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar=METAVAR, help="Only the engines of this model.", autocompletion=complete_model
    ),
]


@app.command("list")
def list_engines(
    model: OfModel = None,
    engines: Engines = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """List the sets of engines in the store, with their model and GPU, and if this machine can use them.

    For example:

    fomm-rt engines list

    fomm-rt engines list -m vox-adv
    """
    with running(quiet, as_json, verbose) as terminal:
        store = EngineStore(engines)
        sets, damaged = store.look()
        lines, found = [], []
        for each in sets if model is None else _of_model(sets, model):
            summary, problem = summarize(each), _problem(each)
            lines += [f"{summary.key}  {summary.describe()}", f"                  {problem or 'usable here'}"]
            found.append({**asdict(summary), "problem": problem})
        lines += [f"DAMAGED: {damage.reason}" for damage in damaged]
        document = {"folder": str(store.folder), "sets": found, "damaged": [damage.reason for damage in damaged]}
        terminal.result("\n".join(lines) or f"{store.folder}: no engines", document)


@app.command()
def remove(
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Sets to remove, as list shows them.")
    ] = None,
    remove_all: Annotated[bool, typer.Option("--all", help="Remove every set.")] = False,
    damaged: Annotated[bool, typer.Option("--damaged", help="Remove the sets that cannot be read.")] = False,
    model: OfModel = None,
    engines: Engines = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Remove sets of engines from the store. A process that runs them keeps them until it ends.

    For example:

    fomm-rt engines remove 6a1d0165af145c5c

    fomm-rt engines remove --damaged
    """
    if sum(map(bool, (keys, remove_all, damaged, model))) != 1:
        raise typer.BadParameter("expected either keys, --all, --damaged or --model")
    with running(quiet, as_json, verbose) as terminal:
        store = EngineStore(engines)
        if remove_all or damaged:
            keys = [path.stem for path in (store.paths() if remove_all else _damaged(store))]
        elif model is not None:
            keys = [each.manifest.spec.key for each in _of_model(store.look()[0], model)]
        keys = keys or []
        for key in keys:
            store.remove(key)
        terminal.result("\n".join(f"removed {key}" for key in keys) or "nothing to remove", {"removed": keys})


def _of_model(sets: list[EngineSet], model: str) -> list[EngineSet]:
    wanted = model_hash(open_model(model).manifest)
    return [each for each in sets if each.manifest.spec.model_sha256 == wanted]


def _problem(engines: EngineSet) -> str | None:
    """Why this machine cannot use a set; None if it can."""
    try:
        engines.check()
    except EngineError as error:
        return f"DAMAGED: {error}"
    spec = engines.manifest.spec
    gpu = nvidia_driver.gpu()
    if gpu is None:
        return "not usable here: there is no NVIDIA GPU"
    try:
        version = load_tensorrt(spec.flavour).version
    except BackendError as error:
        return f"not usable here: {error}"
    here = replace(
        spec,
        library_version=version,
        capabilities=(gpu.architecture,),
        gpu=gpu.name,
        kernels_sha256=source_hash(KERNELS),
    )
    mismatches = EngineRequirements(here, engines.manifest.model_name).mismatches(engines.manifest)
    reasons = "; ".join(f"has {has}, needs {needs}" for has, needs in mismatches)
    return f"not usable here: {reasons}" if reasons else None


def _damaged(store: EngineStore) -> list[Path]:
    sets, damaged = store.look()
    paths = [damage.path for damage in damaged if damage.path != store.folder]
    for engines in sets:
        try:
            engines.check()
        except EngineError:
            paths.append(engines.path)
    return paths
