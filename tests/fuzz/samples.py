"""Writes the samples of all formats into a folder, for the processes that damage them.

python -m fuzz.samples FOLDER [FORMAT ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fuzz.formats import FORMATS


def write_samples(folder: Path, names: list[str]) -> None:
    """Writes samples into FOLDER/FORMAT/NUMBER, the files of one input each."""
    for name in names:
        place = folder / name
        place.mkdir(parents=True)
        FORMATS[name].write(place.absolute())


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]).absolute(), sys.argv[2:] or list(FORMATS))
