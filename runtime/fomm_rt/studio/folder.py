"""The folder of one run of the server: fomm-rt/studio in the user's cache holds one hidden folder for each.

It is removed when the run ends. A run that was killed leaves it, and the next start removes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from fomm_rt.errors import OutputError
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.interruption import uninterrupted
from fomm_rt.files.leftovers import remove_leftovers


def studio_folder() -> Path:
    """Where the folders of all runs are.

    Raises:
        OutputError: The user has no home.
    """
    try:
        folder = platformdirs.user_cache_path("fomm-rt", appauthor=False)
    except RuntimeError as error:
        raise OutputError("there is no folder for a cache, as the user has no home; set XDG_CACHE_HOME") from error
    return folder.absolute() / "studio"


@contextmanager
def run_folder() -> Iterator[Path]:
    """Yields an empty folder that only this user can read; it is gone when the context ends.

    Raises:
        OutputError: It cannot be made.
    """
    parent = studio_folder()
    hidden = HiddenFolder(parent)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(parent)
        hidden.__enter__()
    except OSError as error:
        raise OutputError(
            f"{parent}: cannot be written ({error.strerror}); free some space, change its permissions, or set "
            "XDG_CACHE_HOME to another folder"
        ) from error
    try:
        yield hidden.new
    finally:
        with uninterrupted():
            hidden.__exit__()
