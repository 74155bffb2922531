"""Options that several commands of `fomm-rt bench` share, and what is made of their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MODEL, WHAT, WHO = ("Model", "What is measured", "Contestants")

MEASURES = ("latency", "batches", "ceiling")
TIMEOUT_S = 900.0

ModelFolder = Annotated[
    Path | None,
    typer.Option("--model", "-m", metavar="FOLDER", help="A model folder.", show_default=False, rich_help_panel=MODEL),
]
Config = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.yaml",
        help="Stand-in weights of this configuration.",
        show_default="vox-256",
        rich_help_panel=MODEL,
    ),
]
Bundled = Annotated[bool, typer.Option("--bundled", help="The bundled model.", rich_help_panel=MODEL)]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What --model was exported from; PyTorch needs it.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(min=1, help="Side of stand-in weights' frames.", show_default="as trained", rich_help_panel=MODEL),
]
Contestants = Annotated[
    list[str] | None,
    typer.Option(
        "--contestant",
        "-c",
        metavar="NAME",
        help="Only this one, and the reference; may be repeated.",
        show_default="all that can run",
        rich_help_panel=WHO,
    ),
]
OtherPythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python",
        metavar="NAME=PATH",
        help="Run a contestant in another Python.",
        show_default=False,
        rich_help_panel=WHO,
    ),
]
Timeout = Annotated[
    float, typer.Option(min=1, help="Seconds a contestant may take for an answer.", rich_help_panel=WHO)
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=256,
        help="CPU threads of every contestant.",
        show_default="the cores this process may use",
        rich_help_panel=WHO,
    ),
]


def parse_measures(text: str) -> set[str]:
    """Parses "A,B,…".

    Raises:
        typer.BadParameter: One is not of MEASURES.
    """
    wanted = set(text.split(","))
    if not wanted <= set(MEASURES):
        raise typer.BadParameter(f"--measures: expected some of {', '.join(MEASURES)}; got {text!r}")
    return wanted


def parse_batches(text: str) -> tuple[int, ...]:
    """Parses "1,2,…".

    Raises:
        typer.BadParameter: Something else than sizes from 1 to 256.
    """
    try:
        batches = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        batches = ()
    if not batches or batches[0] < 1 or batches[-1] > 256:
        raise typer.BadParameter(f"--batches: expected sizes from 1 to 256 such as 1,2,4; got {text!r}")
    return batches


def is_given(context: typer.Context, name: str) -> bool:
    """Whether a parameter stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
