"""Whether a contestant's pictures are the reference's: without that its speed says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fomm_rt.image import Image, psnr_db


@dataclass(frozen=True)
class Requirement:
    """How closely pictures have to agree with the reference.

    Attributes:
        levels: Largest difference of a uint8 value; None where only the mean error counts.
        psnr_db: Least peak signal-to-noise ratio over all pictures, in dB.
    """

    levels: int | None
    psnr_db: float

    def describe(self) -> str:
        """One phrase for people."""
        psnr = f"PSNR of at least {self.psnr_db:.0f} dB"
        return psnr if self.levels is None else f"at most {self.levels} level{'s' * (self.levels > 1)} and {psnr}"


EXACT = Requirement(1, 50.0)
"""Float32 with the operations of the export: the same number may round either way."""
FLOAT32 = Requirement(2, 50.0)
"""Float32 with operations fused and reordered by a compiler."""
HALF = Requirement(None, 40.0)
INT8 = Requirement(None, 35.0)
OF_PRECISION = {"fp32": EXACT, "tf32": HALF, "fp16": HALF, "int8": INT8}


@dataclass(frozen=True)
class Agreement:
    """How far pictures are from the reference's.

    Attributes:
        frames: How many were compared.
        levels: Largest difference of a uint8 value.
        psnr_db: Over all pictures; None where they are identical.
        required: What was asked.
        agrees: Whether it is met.
    """

    frames: int
    levels: int
    psnr_db: float | None
    required: Requirement
    agrees: bool

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Agreement:
        """The inverse of `as_json`."""
        return cls(**{**document, "required": Requirement(**document["required"])})

    def describe(self) -> str:
        """One short phrase for a table."""
        return describe_difference(self.levels, self.psnr_db)


def describe_difference(levels: int, psnr_db: float | None) -> str:
    """For example "1 level, 71.3 dB"."""
    if psnr_db is None:
        return "identical"
    return f"{levels} level{'s' * (levels != 1)}, {psnr_db:.1f} dB"


def compare(pictures: Image, reference: Image, required: Requirement) -> Agreement:
    """Compares pictures with the reference's.

    Args:
        pictures, reference: (N, S, S, 3) uint8 of the same shape.
        required: What is asked of them.
    """
    if pictures.shape != reference.shape:
        return Agreement(len(reference), 255, 0.0, required, False)
    difference = pictures.astype(np.int16) - reference.astype(np.int16)
    levels = int(np.abs(difference).max(initial=0))
    psnr_db = psnr(float(np.square(difference, dtype=np.float64).mean()))
    agrees = (required.levels is None or levels <= required.levels) and (psnr_db is None or psnr_db >= required.psnr_db)
    return Agreement(len(reference), levels, psnr_db, required, agrees)


def psnr(mean_squared_error: float) -> float | None:
    """`psnr_db`, but None where it is infinite: JSON has no infinity."""
    return psnr_db(mean_squared_error) if mean_squared_error > 0 else None
