"""Removes files that killed processes left beside a result."""

from __future__ import annotations

from pathlib import Path

from fomm_rt.files.hidden_folder import abandoned
from fomm_rt.files.moves import finish


def remove_leftovers(folder: Path) -> None:
    """Finishes or removes files that ended processes of this user have left in a folder.

    It never fails: files that cannot be removed stay.
    """
    for hidden in abandoned(folder):
        finish(hidden)
