"""What has to be so before a run starts in a folder: nobody else there, room enough, the same recipe."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import IO

from fomm_export.checkpoints.configuration import Configuration
from fomm_rt.errors import OutputError, TrainingError
from fomm_rt.files.staging import explain_failure, replacing, reporting_failures
from fomm_train.recipe import Recipe

SPARE_BYTES = 1 << 30
"""Left free on the disk beside what a run writes."""
RECIPE_NAME = "recipe.json"


def lock_folder(folder: Path) -> IO[str]:
    """Makes a folder and holds it; the system lets go of it when the file is closed, however the run ends.

    Raises:
        OutputError: It cannot be written.
        TrainingError: Another run holds it.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise explain_failure(error, path) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise TrainingError(
            f"{folder}: another run is going on there; wait for it or choose another folder with -o"
        ) from error
    except OSError as error:
        file.close()
        raise OutputError(
            f"{path}: cannot be locked ({error.strerror}); choose a folder on a local disk with -o"
        ) from error
    return file


def check_disk(folder: Path, needed_bytes: int) -> None:
    """Raises OutputError unless the folder's disk has room for so many bytes and some to spare."""
    free = shutil.disk_usage(folder).free
    if needed_bytes and free < needed_bytes + SPARE_BYTES:
        raise OutputError(
            f"{folder}: {(needed_bytes + SPARE_BYTES) / 1e9:.1f} GB of free disk are needed, {free / 1e9:.1f} GB are "
            "there; free some or choose another folder with -o"
        )


def check_memory(needed_bytes: int) -> None:
    """Raises TrainingError if the machine says it has less memory available; silent where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return
    if available < needed_bytes:
        raise TrainingError(
            f"{needed_bytes / 1e9:.1f} GB of memory are needed, {available / 1e9:.1f} GB are available; "
            "close other programs or train on a larger machine"
        )


def check_recipe(folder: Path, configuration: Configuration, recipe: Recipe) -> None:
    """Notes the recipe in a new folder; refuses a folder of another: what it trains would be something in between.

    Raises:
        OutputError: It cannot be noted.
        TrainingError: The folder holds a run of another recipe.
    """
    path = folder / RECIPE_NAME
    text = recipe_text(configuration, recipe)
    with reporting_failures(path):
        if not path.exists():
            with replacing(path) as staged:
                staged.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            raise TrainingError(
                f"{folder}: holds a run of another recipe (compare {RECIPE_NAME}); choose another folder with -o"
            )


def recipe_text(configuration: Configuration, recipe: Recipe) -> str:
    """The content of recipe.json."""
    return json.dumps({"recipe": recipe.as_json(), "configuration": configuration.as_json()}, indent=2) + "\n"
