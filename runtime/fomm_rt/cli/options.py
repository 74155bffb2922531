"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fomm_rt.backends.options import BACKENDS, BackendName
from fomm_rt.model.precision import PRECISIONS, Precision

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
BackendOption = Annotated[
    BackendName,
    typer.Option("--backend", parser=str, metavar="NAME", help=f"auto, {', '.join(BACKENDS)}.", show_default=True),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        parser=str,
        metavar="NAME",
        help=f"{', '.join(PRECISIONS)}: fp16 needs TensorRT, int8 a CPU and a model exported with --int8.",
        show_default="the backend's choice",
    ),
]
Engines = Annotated[
    Path | None,
    typer.Option(
        "--engines",
        metavar="FOLDER",
        help="Folder of TensorRT engines, as given to build -o.",
        show_default="fomm-rt/engines in the user's cache",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=256,
        help="CPU threads within a network.",
        show_default="the cores that this process may use",
    ),
]


def parse_rectangle(text: str | None) -> tuple[int, int, int, int] | None:
    """Parses "x,y,w,h"; raises typer.BadParameter for anything else and for an empty rectangle."""
    if text is None:
        return None
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"expected four whole numbers x,y,w,h; got {text!r}") from None
    if x < 0 or y < 0 or w < 1 or h < 1:
        raise typer.BadParameter(f"expected x, y from 0 and w, h from 1; got {text!r}")
    return x, y, w, h
