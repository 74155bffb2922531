"""`fomm-rt demo`: animate the bundled faces."""

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
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.")] = Path(
        "fomm-rt-demo"
    ),
    also: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="SOURCE DRIVING",
            help="Also animate this picture by this video, which may differ from what the model was trained on.",
        ),
    ] = None,
    backend: BackendOption = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Animate the bundled faces. Run this first.

    Writes demo.mp4, in which one performance drives every face, and
    contact-sheet.png, which shows moments of it. With --also, writes
    outside-training.mp4 and outside-training.png, which show how the bundled
    model animates another picture. Existing files of these names are replaced.

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
        f"{report.contact_sheet}: moments of this video",
    ]
