"""The jobs of a folder: each of its pictures by one driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fomm_rt.batch.columns import job_of
from fomm_rt.batch.table import Placed
from fomm_rt.errors import BatchError

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp")


def jobs_of_folder(folder: Path, defaults: Mapping[str, str], ending: str) -> tuple[list[Placed], int]:
    """Makes a job of every picture in a folder, not of those below it, in the order of their names.

    Results are named after the pictures; of several pictures that differ in their ending alone, the ending stays.

    Args:
        folder: The folder.
        defaults: Column -> value for all jobs; holds the driver.
        ending: Of the results, such as ".mp4".

    Returns:
        The jobs, whose sources are names in the folder, and the number of files that are no pictures.

    Raises:
        BatchError: The folder cannot be read, or holds no pictures.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        raise BatchError(f"{folder}: the folder cannot be read ({error.strerror}); check the path") from error
    pictures = [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise BatchError(f"{folder} holds no pictures; expected files that end in {', '.join(PICTURE_SUFFIXES)}")
    stems = Counter(file.stem.casefold() for file in pictures)
    placed = []
    for file in pictures:
        name = file.stem if stems[file.stem.casefold()] == 1 else file.name
        # A number such as %05d in a result's name would ask for pictures.
        values = {"source": file.name, "output": f"{name.replace('%', '_')}{ending}"}
        placed.append(Placed(job_of(values, defaults), file.name))
    return placed, len(files) - len(pictures)
