"""Options that several commands of `fomm-rt bench` share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fomm_rt.cli.model import HELP, METAVAR, complete_model

MEASURES = ("latency", "batches", "ceiling")
TIMEOUT_S = 900.0

model_option = partial(typer.Option, rich_help_panel="Model")
measurement_option = partial(typer.Option, rich_help_panel="Measurement")
contestants_option = partial(typer.Option, rich_help_panel="Contestants")

Model = Annotated[
    str | None,
    model_option("--model", "-m", metavar=METAVAR, help=HELP, show_default=False, autocompletion=complete_model),
]
Config = Annotated[
    str | None,
    model_option(metavar="NAME|FILE.yaml", help="Stand-in weights of this configuration.", show_default="vox-256"),
]
Bundled = Annotated[bool, model_option("--bundled", help="The bundled model.")]
Checkpoint = Annotated[
    Path | None,
    model_option(metavar="FILE", help="The checkpoint of --model, which PyTorch needs.", show_default=False),
]
Size = Annotated[
    int | None, model_option(min=1, help="Side of a frame, for stand-in weights.", show_default="as trained")
]
Contestants = Annotated[
    list[str] | None,
    contestants_option(
        "--contestant",
        "-c",
        metavar="NAME",
        help="Only this contestant and the reference; repeatable.",
        show_default="all that can run",
    ),
]
OtherPythons = Annotated[
    list[str] | None,
    contestants_option(
        "--python", metavar="NAME=PATH", help="Run a contestant in another Python; repeatable.", show_default=False
    ),
]
Timeout = Annotated[float, contestants_option(min=1, help="Seconds that a contestant's answer may take.")]
Threads = Annotated[
    int | None,
    contestants_option(
        min=1, max=256, help="CPU threads of every contestant.", show_default="the cores this process may use"
    ),
]


def parse_measures(text: str) -> set[str]:
    """Parses "A,B,…". Raises typer.BadParameter for a name that is not in MEASURES."""
    measures = set(text.split(","))
    if not measures <= set(MEASURES):
        raise typer.BadParameter(f"--measures: expected some of {', '.join(MEASURES)}; got {text!r}")
    return measures


def parse_batches(text: str) -> tuple[int, ...]:
    """Parses "1,2,…". Raises typer.BadParameter for anything but sizes from 1 to 256."""
    try:
        batches = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        batches = ()
    if not batches or batches[0] < 1 or batches[-1] > 256:
        raise typer.BadParameter(f"--batches: expected sizes from 1 to 256 such as 1,2,4; got {text!r}")
    return batches


def is_given(context: typer.Context, name: str) -> bool:
    """True if a parameter is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
