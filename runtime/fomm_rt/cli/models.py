"""`fomm-rt models`: lists and removes installed models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from fomm_rt.bundled import bundled_model
from fomm_rt.cli.options import AsJson, Quiet, Verbose
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.errors import FommError, ModelError
from fomm_rt.model.installed import (
    InstalledModel,
    UnfinishedDownload,
    describe_model,
    installed_models,
    place_of,
    remove_model,
    unfinished_downloads,
)
from fomm_rt.model.names import BUNDLED, installed_names, models_folder

app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, quiet: Quiet = False, verbose: Verbose = False, as_json: AsJson = False) -> None:
    """List installed models and downloads, or remove one.

    For example:

    fomm-rt models

    fomm-rt models remove vox-adv
    """
    if context.invoked_subcommand is not None:
        return
    with running(quiet, as_json, verbose) as terminal:
        found = [describe_model(BUNDLED, bundled_model()), *installed_models()]
        downloads = unfinished_downloads()
        width = max(len(name) for name in [*(model.name for model in found), *(each.name for each in downloads)])
        lines = [line for model in found for line in _lines(model, width)]
        lines += [_unfinished_line(download, width) for download in downloads]
        folder = models_folder()
        document = {
            "folder": str(folder),
            "models": [_document(model) for model in found],
            "unfinished_downloads": [asdict(download) for download in downloads],
        }
        terminal.result("\n".join([f"models in {folder}", *lines]), document)


def _complete_installed(incomplete: str) -> list[str]:
    try:
        return [name for name in installed_names() if name.startswith(incomplete)]
    except FommError:
        return []


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The name of the model.", autocompletion=_complete_installed)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Remove an installed model, with its kept checkpoint and any unfinished download.

    For example:

    fomm-rt models remove vox-adv
    """
    with running(quiet, as_json, verbose) as terminal:
        if name == BUNDLED:
            raise ModelError("bundled: this model is a part of fomm-rt and cannot be removed")
        place = place_of(name)
        if place.paths and not yes:
            _confirm(terminal, f"remove {name} with {place.size_bytes / 1e6:.0f} MB from {place.models}?")
        freed = remove_model(name)
        terminal.result(f"removed {name}, {freed / 1e6:.0f} MB", {"removed": name, "size_bytes": freed})


def _confirm(terminal: Terminal, question: str) -> None:
    if not terminal.can_ask():
        raise ModelError("this is not a terminal to ask on, so nothing was removed; add -y to remove without asking")
    if not terminal.confirm(question):
        raise ModelError("nothing was removed")


def _lines(model: InstalledModel, width: int) -> list[str]:
    lines = [f"{model.name:<{width}}  {model.size_bytes / 1e6:6.1f} MB  {_content(model)}"]
    indent = " " * (width + 2)
    if model.manifest is not None and model.manifest.weights.sha256 is not None:
        lines.append(f"{indent}SHA-256 of the checkpoint {model.manifest.weights.sha256}")
    if model.record is not None:
        lines.append(f"{indent}fetched from {model.record.describe()}")
    return lines


def _unfinished_line(download: UnfinishedDownload, width: int) -> str:
    size = f"{download.size_bytes / 1e6:6.1f} MB"
    return f"{download.name:<{width}}  {size}  unfinished download; go on with: fomm-rt fetch {download.name}"


def _content(model: InstalledModel) -> str:
    manifest = model.manifest
    if manifest is None:
        return f"DAMAGED: {model.problem}"
    int8 = ", int8" if "int8" in manifest.precisions else ""
    return f"{manifest.size}×{manifest.size}{int8}; {manifest.weights.describe()}"


def _document(model: InstalledModel) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": model.name,
        "folder": str(model.folder),
        "size_bytes": model.size_bytes,
        "size": None if manifest is None else manifest.size,
        "precisions": [] if manifest is None else manifest.precisions,
        "weights": None if manifest is None else asdict(manifest.weights),
        "fetched": None if model.record is None else model.record.as_json(),
        "problem": model.problem,
    }
