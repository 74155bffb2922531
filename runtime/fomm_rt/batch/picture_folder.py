"""The jobs of a folder: each of its pictures by one driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fomm_rt.batch.columns import job_of
from fomm_rt.batch.table import Placed
from fomm_rt.errors import BatchError
from fomm_rt.media.write.picture_sequence import is_pattern

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp")


def jobs_of_folder(folder: Path, defaults: Mapping[str, Any], ending: str) -> tuple[list[Placed], int]:
    """Makes a job of every picture in a folder, not of those below it, in the order of their names.

    Results are named after the pictures. Where pictures would share a result, their endings stay, and a number is added
    if need be.

    Args:
        folder: The folder.
        defaults: Field -> value for all jobs; holds the driver.
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
    placed = [
        Placed(job_of({**defaults, "source": file.name, "output": name}), file.name)
        for file, name in zip(pictures, _result_names(pictures, ending), strict=True)
    ]
    return placed, len(files) - len(pictures)


def _result_names(pictures: Sequence[Path], ending: str) -> list[str]:
    """Names for results that differ in more than upper and lower case, which some file systems do not tell apart."""
    long = [_result_name(picture.name, ending) for picture in pictures]
    names = [_result_name(picture.stem, ending) for picture in pictures]
    while True:  # a longer name may be the shorter one of another picture
        counts = Counter(map(str.casefold, names))
        longer = [full if counts[name.casefold()] > 1 else name for name, full in zip(names, long, strict=True)]
        if longer == names:
            break
        names = longer
    found: dict[str, str] = {}
    for name in names:
        free, number = name, 2
        while free.casefold() in found:
            free, number = f"{name.removesuffix(ending)}-{number}{ending}", number + 1
        found[free.casefold()] = free
    return list(found.values())


def _result_name(name: str, ending: str) -> str:
    # A number such as %05d would ask for pictures.
    return (name.replace("%", "_") if is_pattern(Path(name + ending)) else name) + ending
