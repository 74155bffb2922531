"""`fomm-rt fetch`: published weights by name. Imports requests and torch only when it downloads and exports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fomm_export import options
from fomm_fetch.catalog import CATALOG
from fomm_rt.cli.options import AsJson, Quiet, Verbose
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.errors import FetchError, ModelError
from fomm_rt.machine.export_extra import how_to_install, missing_for_export
from fomm_rt.model.names import installed_names

if TYPE_CHECKING:
    from fomm_fetch.fetch import FetchResult


def _complete_name(incomplete: str) -> list[str]:
    return [name for name in CATALOG if name.startswith(incomplete)]


def fetch(
    name: Annotated[
        str | None,
        typer.Argument(
            help=f"{', '.join(CATALOG)}.", metavar="NAME", show_default=False, autocompletion=_complete_name
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL|FILE",
            help="Take the checkpoint from this URL or file instead of the known sources.",
            show_default=False,
        ),
    ] = None,
    size: options.Size = None,
    int8: options.Int8 = False,
    calibrate: options.Calibrate = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust", help="Accept a checkpoint that no known hash verifies: taichi, nemo, or one of --from."
        ),
    ] = False,
    keep_checkpoint: Annotated[
        bool, typer.Option("--keep-checkpoint", help="Keep the downloaded checkpoint beside the model.")
    ] = False,
    progress: Annotated[
        Literal["text", "json"],
        typer.Option(help="Show progress for people, or as lines of JSON on standard error for programs."),
    ] = "text",
    show_list: Annotated[bool, typer.Option("--list", help="List what can be fetched.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Download published weights, verify and export them (needs torch).

    The model is installed under its name, for -m NAME of every command. An
    interrupted download resumes when the command is run again. If the model
    is installed, nothing is done; --size and --int8 export it again if it
    was made with other options.

    For example:

    fomm-rt fetch vox-adv

    fomm-rt fetch --list

    fomm-rt fetch vox-adv --size 512 --int8 --calibrate talking.mp4

    fomm-rt fetch vox-adv --from ~/Downloads/vox-adv-cpk.pth.tar
    """
    if name is None and not show_list:
        raise typer.BadParameter("missing NAME; --list shows the names")
    if name is not None and show_list:
        raise typer.BadParameter("NAME and --list exclude each other; choose one")
    with running(quiet, as_json, verbose) as terminal:
        if name is None:
            _list(terminal)
            return
        if missing := missing_for_export():
            raise FetchError(f"nothing was downloaded: {how_to_install(missing)}")
        from fomm_fetch.display import printing_json, showing
        from fomm_fetch.fetch import FetchOptions, fetch_model

        chosen = FetchOptions(size, int8, tuple(calibrate or ()), source, trust, keep_checkpoint)
        try:
            with printing_json() if progress == "json" else showing(terminal) as report:
                result = fetch_model(name, chosen, report, catalog=CATALOG)
        except KeyboardInterrupt:
            terminal.say("the downloaded part is kept; the same command resumes from there")
            raise
        terminal.result(_summary(name, result), _document(name, result))


def _summary(name: str, result: FetchResult) -> str:
    manifest, record = result.folder.manifest, result.record
    int8 = " with int8" if "int8" in manifest.precisions else ""
    lines = [
        f"{name} {'is installed already' if result.was_there else 'is installed'}: "
        f"{manifest.size}×{manifest.size}{int8}, in {result.folder.path}"
    ]
    if record is not None:
        lines += [f"  fetched from {record.describe()}", f"  SHA-256 of the checkpoint {record.sha256}"]
    if result.checkpoint is not None:
        lines.append(f"  checkpoint kept: {result.checkpoint}")
    lines.append(f"  use it: fomm-rt animate portrait.jpg talking.mp4 -m {name} -o result.mp4")
    return "\n".join(lines)


def _document(name: str, result: FetchResult) -> dict[str, Any]:
    return {
        "name": name,
        "path": str(result.folder.path),
        "size": result.folder.manifest.size,
        "precisions": result.folder.manifest.precisions,
        "was_there": result.was_there,
        "fetched": None if result.record is None else result.record.as_json(),
        "checkpoint": None if result.checkpoint is None else str(result.checkpoint),
    }


def _list(terminal: Terminal) -> None:
    try:
        installed = installed_names()
    except ModelError:
        installed = []
    lines, found = [], []
    for entry in CATALOG.values():
        size = f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes else f"about {entry.about_bytes / 1e6:.0f} MB"
        verified = f"verified by {entry.verified_by}" if entry.verified_by else "no known hash: needs --trust"
        state = ", installed" if entry.name in installed else ""
        lines.append(f"{entry.name:<15} {entry.subject}; {size}, {verified}{state}")
        lines += [f"{'':<15}   {source.url}" for source in entry.sources]
        found.append({**asdict(entry), "verified_by": entry.verified_by, "installed": entry.name in installed})
    terminal.result("\n".join(lines), {"models": found})
