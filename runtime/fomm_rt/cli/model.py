"""Which model a command runs, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fomm_rt.cli.terminal import Terminal

if TYPE_CHECKING:
    from fomm_rt.animator import Animator

VARIABLE = "FOMM_RT_MODEL"
HELP = "A model folder made by fomm-rt export."
BUNDLED = "the bundled one, which knows drawn faces"

ModelOption = Annotated[Path | None, typer.Option("--model", "-m", envvar=VARIABLE, help=HELP, show_default=BUNDLED)]
ModelArgument = Annotated[Path | None, typer.Argument(envvar=VARIABLE, help=HELP, show_default=BUNDLED)]


def announce(terminal: Terminal, animator: Animator, model: Path | None) -> None:
    """Says what runs, on what and why; warns of weights that were never trained."""
    terminal.say(f"{animator.manifest.name} on {animator.backend.device} ({animator.backend.name})")
    terminal.say(f"  {animator.backend.reason}")
    if animator.manifest.weights.origin == "stand-in":
        terminal.warn(
            f"{model or 'the bundled model'} has stand-in weights: it was never trained, so the result is an abstract "
            "pattern that shows the engine at work, not an animated picture"
        )


def say_bundled(terminal: Terminal, animator: Animator) -> None:
    """Says that nobody chose this model, and when to choose another."""
    terminal.say(
        f"no model given: using the bundled {animator.manifest.name}, which knows drawn faces; "
        "for photographs export published weights (see README)"
    )
