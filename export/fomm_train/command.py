"""`fomm-rt train` and `fomm-rt measure`; torch is imported only when they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.options import AsJson, Quiet
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.errors import FommError, TrainingError


def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where drawn faces, states and the checkpoint are kept.")
    ] = Path("training"),
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where to train; auto takes a GPU if torch finds one.")
    ] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that draw faces, on the CPU.")] = 2,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train the project's own checkpoint on faces it draws (needs torch).

    Takes hours on two CPU cores. Ctrl-C stops and keeps everything; the same command goes on where it stopped.
    """
    with running(quiet, as_json) as terminal:
        try:
            from fomm_export.checkpoints.configuration_file import load_configuration
            from fomm_train.drawn_faces import DRAWN_FACES
            from fomm_train.loop.allocator import keep_freed_memory
            from fomm_train.loop.denormals import flush_denormal_numbers
            from fomm_train.loop.run import TrainingRun
        except ImportError as error:
            raise _missing_packages(error) from error
        configuration = load_configuration(DRAWN_FACES.name)
        keep_freed_memory()
        flush_denormal_numbers()
        with (
            TrainingRun(output, configuration, DRAWN_FACES, _device(device), workers) as run,
            terminal.frames("steps") as progress,
        ):
            checkpoint = run.run(_Reporter(terminal, progress))
        terminal.result(
            f"{checkpoint}: {run.trainer.step} steps; make a model folder of it with: fomm-rt export {checkpoint}",
            {"checkpoint": str(checkpoint), "steps": run.trainer.step},
        )


def measure(
    model: ModelOption = None,
    pairs: Annotated[int, typer.Option(min=3, help="How many held-out pairs.")] = 200,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model on drawn faces and poses it never saw (needs torch).

    Errors are ratios to those of simply showing the source; openness of mouth and eyes is that of the rendering
    most like the prediction.
    """
    with running(quiet, as_json) as terminal:
        try:
            from fomm_train.measures.held_out_pairs import measure as run_measures
        except ImportError as error:
            raise _missing_packages(error) from error
        with terminal.frames("pairs") as progress:
            measures = run_measures(model, pairs, lambda done, total: progress("measuring", done, total))
        terminal.result(measures.table(), asdict(measures))


class _Reporter:
    def __init__(self, terminal: Terminal, progress: Callable[[str, int, int | None], None]) -> None:
        self._terminal = terminal
        self._progress = progress

    def progress(self, stage: str, done: int, total: int) -> None:
        self._progress(stage, done, total)

    def say(self, text: str) -> None:
        self._terminal.say(text)


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(
            f"--device: expected auto, cpu or a device that torch can use here; {name!r} is none "
            f"({str(error).splitlines()[0]})"
        ) from error
    return name


def _missing_packages(error: ImportError) -> FommError:
    return FommError(
        f'training needs packages that are not installed ({error}); install them with: pip install "fomm-rt[export]"'
    )
