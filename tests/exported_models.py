"""Model folders that all processes of a test run share: the first one that needs a model exports it.

The processes are those of pytest-xdist, those with the stand-in for the driver, and the one that starts them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from fomm_rt.model.folder import ModelFolder, open_model_folder

FOLDER = "FOMM_TEST_EXPORTED"
"""Environment variable that names the folder."""


def share_folder() -> Callable[[], None] | None:
    """Makes the folder, unless the process that has started this one did; returns what removes it."""
    if FOLDER in os.environ:
        return None
    made = TemporaryDirectory(prefix="fomm-test-models-")
    os.environ[FOLDER] = made.name

    def remove() -> None:
        del os.environ[FOLDER]
        made.cleanup()

    return remove


def exported(name: str, export: Callable[[Path], object]) -> ModelFolder:
    """Opens a model, which `export` writes whole or not at all, once."""
    folder = Path(os.environ[FOLDER]) / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            export(folder)
    return open_model_folder(folder)
