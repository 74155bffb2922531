"""Agreement of a contestant's predictions with the reference's. Without it, no speed is reported."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from fomm_bench.results.field_types import Decibels, FrameCount, Levels
from fomm_rt.image import Image, psnr_db


class Requirement(Struct, frozen=True, forbid_unknown_fields=True):
    """How closely predictions must agree with the reference.

    Attributes:
        levels: Largest difference of a uint8 value; None if only the mean error counts.
        psnr_db: Smallest peak signal-to-noise ratio over all predictions, in dB.
    """

    levels: Levels | None
    psnr_db: Decibels

    def describe(self) -> str:
        """One phrase for people."""
        psnr = f"PSNR of at least {self.psnr_db:.0f} dB"
        return psnr if self.levels is None else f"at most {self.levels} level{'s' * (self.levels > 1)} and {psnr}"


EXACT = Requirement(1, 50.0)
"""Float32 with the operations of the export: a value may round either way."""
FLOAT32 = Requirement(2, 50.0)
"""Float32 with operations fused and reordered by a compiler."""
HALF = Requirement(None, 40.0)
INT8 = Requirement(None, 35.0)
OF_PRECISION = {"fp32": EXACT, "tf32": HALF, "fp16": HALF, "int8": INT8}


class Agreement(Struct, frozen=True, forbid_unknown_fields=True):
    """How far predictions are from the reference's.

    Attributes:
        frames: Number of frames compared.
        levels: Largest difference of a uint8 value.
        psnr_db: Over all predictions; None if they are identical.
        required: The requirement.
        agrees: True if the requirement is met.
    """

    frames: FrameCount
    levels: Levels
    psnr_db: Decibels | None
    required: Requirement
    agrees: bool

    def describe(self) -> str:
        """A short phrase for a table, such as "1 level, 71.3 dB"."""
        if self.psnr_db is None:
            return "identical"
        return f"{self.levels} level{'s' * (self.levels != 1)}, {self.psnr_db:.1f} dB"


def compare(predictions: Image, reference: Image, required: Requirement) -> Agreement:
    """Compares (N, S, S, 3) uint8 predictions with the reference's; different shapes do not agree."""
    if predictions.shape != reference.shape:
        return Agreement(len(reference), 255, 0.0, required, False)
    difference = predictions.astype(np.int16) - reference.astype(np.int16)
    levels = int(np.abs(difference).max(initial=0))
    decibels = psnr(float(np.square(difference, dtype=np.float64).mean()))
    is_near = required.levels is None or levels <= required.levels
    agrees = is_near and (decibels is None or decibels >= required.psnr_db)
    return Agreement(len(reference), levels, decibels, required, agrees)


def psnr(mean_squared_error: float) -> float | None:
    """Like `psnr_db`, but None instead of infinity, which JSON cannot hold."""
    return psnr_db(mean_squared_error) if mean_squared_error > 0 else None
