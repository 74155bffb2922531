"""Keeps numbers too small to matter from slowing a CPU down."""

from __future__ import annotations

import torch


def flush_denormal_numbers() -> bool:
    """Lets this thread, and those it starts from now on, take denormal numbers for zero; returns whether it can.

    The Gaussians around keypoints fall to them where they end (`fomm_export.rewrites.affine_motion` leaves them out of
    what is exported); a CPU computes with them more slowly. `benchmarks/studies/training_step.py` measures what
    that costs.
    """
    return bool(torch.set_flush_denormal(True))
