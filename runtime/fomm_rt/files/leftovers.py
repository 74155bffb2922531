"""Removes what killed processes left beside a result."""

from __future__ import annotations

from pathlib import Path

from fomm_rt.files.hidden_folder import abandoned
from fomm_rt.files.moves import finish


def remove_leftovers(folder: Path) -> None:
    """Finishes or removes what processes of this user that no longer live have left in a folder.

    It never fails: what cannot be removed stays.
    """
    for hidden in abandoned(folder):
        finish(hidden)
