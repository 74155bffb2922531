"""`fomm-rt train` and `fomm-rt measure`; torch is imported only when they run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.options import AsJson, Quiet, Verbose
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.errors import FommError, TrainingError

RecipeName = Literal["drawn-faces", "people"]


def train(
    recipe: Annotated[
        RecipeName, typer.Option(help="What to train: drawn-faces, or people, which knows both.")
    ] = "drawn-faces",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the drawn frames, the state and the checkpoint.")
    ] = Path("training"),
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Device to train on; auto takes a GPU if torch finds one.")
    ] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that draw faces on the CPU.")] = 2,
    weights: Annotated[
        Path | None, typer.Option(help="Checkpoint to start a new folder from; one of the same recipe is continued.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Train a checkpoint on drawn faces and rendered people (needs torch).

    Training takes hours on two CPU cores. Ctrl-C saves the state; the same command resumes it.
    """
    with running(quiet, as_json, verbose) as terminal:
        with _needing_packages():
            from fomm_export.checkpoints.configuration_file import load_configuration
            from fomm_train.drawn_faces import DRAWN_FACES
            from fomm_train.faces_and_people import PEOPLE
            from fomm_train.loop.cpu_settings import flush_denormal_numbers, keep_freed_memory
            from fomm_train.loop.run import TrainingRun
        chosen = PEOPLE if recipe == "people" else DRAWN_FACES
        configuration = load_configuration(chosen.name)
        keep_freed_memory()
        flush_denormal_numbers()
        with (
            TrainingRun(output, configuration, chosen, _device(device), workers, weights) as run,
            terminal.frames("steps") as progress,
        ):
            checkpoint = run.run(progress, terminal.say)
        terminal.result(
            f"{checkpoint}: {run.trainer.step} steps; make a model folder of it with: fomm-rt export {checkpoint}",
            {"checkpoint": str(checkpoint), "steps": run.trainer.step},
        )


def measure(
    folder: Annotated[
        Path | None,
        typer.Argument(help="With --people: a folder of pictures and clips, and marks.json with their marks."),
    ] = None,
    model: ModelOption = None,
    people: Annotated[
        bool, typer.Option("--people", help="Measure on people: rendered ones, the astronaut, and those of the folder.")
    ] = False,
    pairs: Annotated[int, typer.Option(min=3, help="Number of held-out pairs.")] = 200,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model on faces it was not trained on (needs torch).

    Errors are divided by the error of showing the source. Openness of mouth and eyes is read from the rendering that is
    most similar to the prediction.
    """
    with running(quiet, as_json, verbose) as terminal:
        if people:
            _measure_people(terminal, model, folder)
            return
        if folder is not None:
            raise FommError(f"{folder}: a folder is measured with --people only")
        with _needing_packages():
            from fomm_train.measures.held_out_pairs import measure as run_measures
        with terminal.frames("pairs") as progress:
            measures = run_measures(model, pairs, lambda done, total: progress("measuring", done, total))
        terminal.result(measures.table(), asdict(measures))


def _measure_people(terminal: Terminal, model: str | Path | None, folder: Path | None) -> None:
    with _needing_packages():
        from fomm_train.measures.people import measure_people
    with terminal.frames("cases") as progress:
        results = measure_people(model, folder, lambda done, total: progress("measuring people", done, total))
    text = "\n\n".join(result.table() for result in results)
    terminal.result(text, {result.kind: result.document() for result in results})


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(
            f"--device: expected auto, cpu or a device that torch can use here; found {name!r} "
            f"({str(error).splitlines()[0]})"
        ) from error
    return name


@contextmanager
def _needing_packages() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise FommError(
            f'training needs a package that is not installed ({error}). Install it with: pip install "fomm-rt[export]"'
        ) from error
