"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fomm_rt.backends.options import BackendName
from fomm_rt.model.precision import Precision


def option(panel: str, help_text: str, *names: str, **settings: Any) -> Any:
    """An option that the help shows under its own heading."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel, **settings)


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print a log, and the traceback of an error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
OverwriteOption = Annotated[
    bool | None,
    typer.Option(
        "--overwrite/--no-overwrite",
        "-y/-n",
        help="Replace existing results, or refuse to.",
        show_default="ask on a terminal, else refuse",
    ),
]
BackendOption = Annotated[
    BackendName,
    typer.Option(
        "--backend",
        help="What runs the model. auto: the fastest backend; cpu: the fastest CPU backend; "
        "cuda: the fastest GPU backend.",
    ),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        help="fp16 needs TensorRT, int8 a CPU and a model exported with --int8.",
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
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        help="Decode pictures and frames of up to this many pixels.",
        show_default="100 million of a picture, 35 million of a frame",
        rich_help_panel="Limits",
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
