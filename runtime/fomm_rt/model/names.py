"""Models by name: the folder of installed models, and the folder that a model argument names.

A name is that of a folder in the models folder, which `fomm-rt fetch NAME` fills: fomm-rt/models in the user's data
folder ($XDG_DATA_HOME or ~/.local/share on Linux), or the folder that the environment variable FOMM_MODELS names.
"""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from os import PathLike
from pathlib import Path

import platformdirs

from fomm_rt.errors import ModelError
from fomm_rt.files.address import find_address
from fomm_rt.model.manifest import MANIFEST_NAME

FOLDER_VARIABLE = "FOMM_MODELS"

BUNDLED = "bundled"
"""The name of the model that comes with the runtime."""

PUBLISHED = ("vox-adv", "vox", "vox-adv-pruned", "taichi-adv", "taichi", "fashion", "mgif", "bair", "nemo")
"""The names that `fomm-rt fetch` knows."""

_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


def models_folder() -> Path:
    """The folder of installed models, as an absolute path. It need not exist.

    Raises:
        ModelError: The user has no home, and FOMM_MODELS is not set.
    """
    with suppress(RuntimeError):
        if chosen := os.environ.get(FOLDER_VARIABLE):
            return Path(chosen).expanduser().absolute()
        folder = platformdirs.user_data_path("fomm-rt", appauthor=False)
        if folder.is_absolute():  # older versions of platformdirs return "~" as it is
            return folder / "models"
    raise ModelError(f"there is no folder for models, as the user has no home; set {FOLDER_VARIABLE} to a folder")


def installed_names(folder: Path | None = None) -> list[str]:
    """Sorted names of the installed models, without the bundled one.

    Args:
        folder: The models folder; `models_folder()` by default.

    Raises:
        ModelError: The folder cannot be read.
    """
    folder = models_folder() if folder is None else folder
    try:
        found = [path.name for path in folder.iterdir() if _is_model(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror}); change its permissions") from error
    return sorted(name for name in found if not name.startswith("."))


def find_model(model: str | PathLike[str] | None) -> Path | None:
    """Finds the model folder that an argument means; None stands for the bundled model.

    An argument with a separator is a path, and so is a folder with model.json in the current folder. Anything else is
    the name of an installed model, or "bundled".

    Raises:
        ModelError: There is no such folder, and no model of this name is installed; says how to get it.
    """
    if model is None:
        return None
    text = os.fspath(model)
    path = Path(text)
    if any(separator in text for separator in _SEPARATORS) or _is_model(path):
        if find_address(text) and not path.exists():
            raise ModelError(_not_an_address(text))
        return path
    if text == BUNDLED:
        return None
    with suppress(ModelError):  # without a home there are no installed models, and paths work all the same
        installed = models_folder() / text
        if text and _is_model(installed):
            return installed
    with suppress(OSError, ValueError):
        if text and path.exists():
            return path  # opening it says what it is instead
    raise ModelError(_unknown(text))


def locate_model(model: str, folder: Path) -> str:
    """What `find_model` takes for an argument that was written in a file of a folder: paths are relative to it."""
    is_path = any(separator in model for separator in _SEPARATORS) or (model != "" and _is_model(folder / model))
    return str(folder / model) if is_path and not find_address(model) else model


def how_to_get(name: str) -> str:
    """A sentence on how to get a model of a name that is not installed."""
    if name in PUBLISHED:
        return f"Download it with: fomm-rt fetch {name}"
    here = [BUNDLED]
    with suppress(ModelError):
        here += installed_names()
    for close in difflib.get_close_matches(name, [*here, *PUBLISHED], n=1):
        return f"Did you mean {close}" + ("?" if close in here else f" (fomm-rt fetch {close})?")
    return "fomm-rt fetch --list shows what can be downloaded; export other checkpoints with fomm-rt export"


def _not_an_address(text: str) -> str:
    return (
        f"{find_address(text)} is an address; a model is a folder on this machine or the name of an installed one. "
        "fomm-rt fetch --list shows what can be downloaded by name"
    )


def _is_model(path: Path) -> bool:
    try:
        return (path / MANIFEST_NAME).is_file()
    except (OSError, ValueError):  # not a possible file name
        return False


def _unknown(name: str) -> str:
    installed = [BUNDLED]
    with suppress(ModelError):
        installed += installed_names()
    return (
        f"{name or repr(name)}: expected a model folder or the name of an installed model; found neither. "
        f"Installed: {', '.join(installed)}. {how_to_get(name)}"
    )
