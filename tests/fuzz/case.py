"""One run of the fuzz test: an input that follows from a format and a seed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.format import Format

OUT = "out"


@dataclass(frozen=True)
class Case:
    """A format and a seed, written FORMAT:SEED."""

    format: str
    seed: str

    def __str__(self) -> str:
        return f"{self.format}:{self.seed}"


def prepare(case: Case, described: Format, samples: Path, folder: Path) -> Random:
    """Writes the input of a case into a new folder; returns the numbers that its run draws from.

    Args:
        case: The case.
        described: Its format.
        samples: What `fuzz.samples` wrote.
        folder: Is created. Files that are not damaged are links to the samples.
    """
    random = Random(str(case))
    inputs = sorted((samples / case.format).iterdir())
    source = random.choice(inputs)
    shutil.copytree(source, folder, copy_function=os.link, symlinks=True)
    (folder / OUT).mkdir(exist_ok=True)
    files = sorted(name for name in _names(source) if described.damaged.fullmatch(name))
    file = folder / random.choice(files)
    other = random.choice(inputs)
    other_file = other / random.choice([name for name in _names(other) if described.damaged.fullmatch(name)])
    content = random.choice(described.mutations)(file.read_bytes(), other_file.read_bytes(), random)
    file.unlink()
    file.write_bytes(content)
    described.repair(file, random)
    return random


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
