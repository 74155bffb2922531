"""`fomm-rt demo`: animate the bundled faces."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_rt.cli.invocation import own_command
from fomm_rt.cli.model import announce
from fomm_rt.cli.options import AsJson, BackendOption, OverwriteOption, Quiet, Threads, Verbose
from fomm_rt.cli.terminal import running

if TYPE_CHECKING:
    from fomm_rt.clip.demo import ClipReport


OWN_FOLDER = "fomm-rt-demo"
FACE = "dog"
"""The avatar of the command that the demo suggests."""


def demo(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.", show_default=OWN_FOLDER),
    ] = None,
    also: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="SOURCE DRIVING",
            help="Also animate this picture by this video, which may differ from what the model was trained on.",
        ),
    ] = None,
    backend: BackendOption = "auto",
    threads: Threads = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Animate the bundled faces. Run this first.

    Writes demo.mp4, in which one performance drives every face, and
    contact-sheet.png, which shows moments of it. With --also, writes
    outside-training.mp4 and outside-training.png, which show how the bundled
    model animates another picture. Results in fomm-rt-demo, the demo's own
    folder, are replaced; for those elsewhere give -y.

    For example:

    fomm-rt demo

    fomm-rt demo -o results/demo --also portrait.jpg talking.mp4
    """
    with running(quiet, as_json, verbose) as terminal:
        from fomm_rt.clip.demo import run_demo

        with terminal.frames() as progress:
            report = run_demo(
                Path(OWN_FOLDER) if output is None else output,
                also,
                backend=backend,
                threads=threads,
                # The default folder holds nothing but results of earlier demos.
                overwrite=True if output is None and overwrite is None else terminal.replacing(overwrite),
                progress=progress,
                on_load=lambda animator: announce(terminal, animator, None),
            )
        lines = _lines(report.demo, f"{report.demo.sources} drawn faces by one driver")
        if report.outside_training is not None:
            lines += _lines(report.outside_training, "outside the model's training")
        terminal.result("\n".join(lines), asdict(report))
        if output is None:
            terminal.say(f"next, one face by the same driver:\n  {_next_command(report.demo.video.parent)}")


def _next_command(folder: Path) -> str:
    """A command that works as it is printed: both files are installed with the model that they suit."""
    from fomm_rt.bundled import bundled_avatars, bundled_performance

    avatar = next((path for path in bundled_avatars() if path.stem == FACE), bundled_avatars()[0])
    output = folder / f"{avatar.stem}.mp4"
    return shlex.join([*own_command(), "animate", str(avatar), str(bundled_performance()), "-o", str(output)])


def _lines(report: ClipReport, content: str) -> list[str]:
    return [
        f"{report.video}: {content}, {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps",
        f"{report.contact_sheet}: moments of this video",
    ]
