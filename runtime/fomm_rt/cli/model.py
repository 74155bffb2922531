"""The option for a model, and messages about the model that runs."""

from __future__ import annotations

from contextlib import suppress
from glob import escape, glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_rt.cli.terminal import Terminal
from fomm_rt.errors import FommError
from fomm_rt.model.names import BUNDLED, installed_names

if TYPE_CHECKING:
    from fomm_rt.animator import Animator

VARIABLE = "FOMM_RT_MODEL"
HELP = "The name of a model that fomm-rt fetch installed, or a model folder made by fomm-rt export."
METAVAR = "NAME|FOLDER"
DEFAULT = "the bundled model, for drawn faces"


def complete_model(incomplete: str) -> list[str]:
    """Names and model folders that begin with a text, for the shell's completion."""
    names = [BUNDLED]
    with suppress(FommError):
        names += installed_names()
    paths = glob(f"{escape(incomplete)}*")  # noqa: PTH207  Path.glob would drop a leading "./"
    folders = [f"{path}/" for path in paths if Path(path).is_dir()]
    return [*(name for name in names if name.startswith(incomplete)), *sorted(folders)]


# A str, because a Path drops the "./" that distinguishes a folder from a name.
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar=VARIABLE,
        metavar=METAVAR,
        help=HELP,
        show_default=DEFAULT,
        autocompletion=complete_model,
    ),
]
ModelArgument = Annotated[
    str | None,
    typer.Argument(envvar=VARIABLE, metavar=METAVAR, help=HELP, show_default=DEFAULT, autocompletion=complete_model),
]


def announce(terminal: Terminal, animator: Animator, model: str | None) -> None:
    """Prints the model, its device and the reason for it; warns of untrained weights."""
    terminal.say(f"{animator.manifest.name} on {animator.backend.device} ({animator.backend.name})")
    terminal.say(f"  {animator.backend.reason}")
    if animator.manifest.weights.origin == "stand-in":
        terminal.warn(
            f"{model or 'the bundled model'} has stand-in weights, which were never trained: expect an abstract "
            "pattern instead of an animated picture"
        )
