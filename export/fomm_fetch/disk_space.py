"""Free space for a download and an export."""

from __future__ import annotations

import shutil
from pathlib import Path

from fomm_rt.errors import FetchError

EXPORT_BYTES = 400_000_000
"""For the model folder: that of a published model has 366 MB."""


def check_space(folder: Path, bytes_to_come: int) -> None:
    """Checks that a download and the export after it fit on the disk.

    Args:
        folder: Where both go; it need not exist.
        bytes_to_come: Of the download.

    Raises:
        FetchError: They do not.
    """
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    needed = bytes_to_come + EXPORT_BYTES
    if free < needed:
        raise FetchError(
            f"{folder}: needs {_gigabytes(needed)} of free space for the download and the export; {_gigabytes(free)} "
            "are free. Free some, or set FOMM_MODELS to a folder on another disk"
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
