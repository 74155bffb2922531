"""The option for a model, and messages about the model that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_rt.cli.terminal import Terminal

if TYPE_CHECKING:
    from fomm_rt.animator import Animator

VARIABLE = "FOMM_RT_MODEL"
HELP = "A model folder made by fomm-rt export."
BUNDLED = "the bundled model, for drawn faces"

ModelOption = Annotated[Path | None, typer.Option("--model", "-m", envvar=VARIABLE, help=HELP, show_default=BUNDLED)]
ModelArgument = Annotated[Path | None, typer.Argument(envvar=VARIABLE, help=HELP, show_default=BUNDLED)]


def announce(terminal: Terminal, animator: Animator, model: Path | None) -> None:
    """Prints the model, its device and the reason for it; warns of untrained weights."""
    terminal.say(f"{animator.manifest.name} on {animator.backend.device} ({animator.backend.name})")
    terminal.say(f"  {animator.backend.reason}")
    if animator.manifest.weights.origin == "stand-in":
        terminal.warn(
            f"{model or 'the bundled model'} has stand-in weights, which were never trained: expect an abstract "
            "pattern instead of an animated picture"
        )
