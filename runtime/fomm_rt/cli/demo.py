"""`fomm-rt demo`: the bundled faces, animated."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_rt.cli.model import announce
from fomm_rt.cli.options import AsJson, BackendOption, Quiet, Threads
from fomm_rt.cli.terminal import running

if TYPE_CHECKING:
    from fomm_rt.clip.demo import ClipReport


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the results go.")] = Path(
        "fomm-rt-demo"
    ),
    also: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="SOURCE DRIVING",
            help="Animate this picture by this video too: something the bundled model has not been trained on.",
        ),
    ] = None,
    backend: BackendOption = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Animate the bundled faces: the first thing to run.

    Writes demo.mp4, where one performance drives every face, and
    contact-sheet.png, moments of it. With --also, outside-training.mp4 and
    outside-training.png show what the bundled model makes of a picture unlike
    those it has seen. Files of these names are replaced.

    For example:

    fomm-rt demo

    fomm-rt demo -o results/demo --also portrait.jpg talking.mp4
    """
    with running(quiet, as_json) as terminal:
        from fomm_rt.clip.demo import run_demo

        with terminal.frames() as progress:
            report = run_demo(
                output,
                also,
                backend=backend,
                threads=threads,
                progress=progress,
                on_load=lambda animator: announce(terminal, animator, None),
            )
        lines = _lines(report.demo, f"{report.demo.sources} drawn faces by one driver")
        if report.outside_training is not None:
            lines += _lines(report.outside_training, "outside the model's training")
        terminal.result("\n".join(lines), asdict(report))


def _lines(report: ClipReport, content: str) -> list[str]:
    return [
        f"{report.video}: {content}, {report.frames} frames in {report.seconds:.1f} s, {report.fps:.1f} fps",
        f"{report.contact_sheet}: moments of it",
    ]
