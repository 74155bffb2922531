"""Keeps numbers too small to matter from slowing a CPU down."""

from __future__ import annotations

import torch


def flush_denormal_numbers() -> bool:
    """Lets this thread, and those it starts from now on, take denormal numbers for zero; returns whether it can.

    Heatmaps fall to them a few pixels from their keypoint, and with them most of the gradients; a CPU computes with
    each many times as slowly as with any other number. `benchmarks/training_step.py` measures what that costs.
    """
    return bool(torch.set_flush_denormal(True))
