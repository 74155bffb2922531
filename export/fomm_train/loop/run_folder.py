"""The folder of a training run: one run at a time, one recipe.

frames/              groups of frames
recipe.json          the recipe and the architecture
training.state       everything a resumed run needs
log.csv              mean losses
preview.png          source, reference, driving, prediction and truth of pairs never trained on
NAME.safetensors     running mean of the weights under the published tensor names
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from fomm_export.checkpoints.configuration import Configuration
from fomm_rt.errors import TrainingError
from fomm_rt.files.staging import explain_failure, replacing
from fomm_train.recipe import Recipe

RECIPE_NAME = "recipe.json"
STATE_NAME = "training.state"


@dataclass(frozen=True)
class Plan:
    """The content of recipe.json."""

    recipe: Recipe
    configuration: Configuration


def lock_folder(folder: Path) -> FileLock:
    """Creates a folder and locks it until the lock is released or the process ends."""
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise TrainingError(
            f"{folder}: another run is going on there; wait for it or choose another folder with -o"
        ) from error
    except (OSError, NotImplementedError) as error:  # the latter from a file system without locks
        raise explain_failure(error, folder) from error
    return lock


def check_plan(folder: Path, plan: Plan) -> None:
    """Writes the plan into a new folder; refuses a folder of another plan."""
    path = folder / RECIPE_NAME
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(plan)) + b"\n")
    elif read_plan(folder) != plan:
        raise TrainingError(
            f"{folder}: holds a run of another recipe (compare {RECIPE_NAME}); choose another folder with -o"
        )


def read_plan(folder: Path) -> Plan:
    """Reads recipe.json."""
    path = folder / RECIPE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise TrainingError(f"{folder}: holds no training run; train with: fomm-rt train -o {folder}") from error
    except msgspec.DecodeError as error:
        raise TrainingError(
            f"{path}: holds a run of another recipe or version ({error}); train into another folder"
        ) from error
