"""Existing results: replaced, kept, or asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fomm_rt.errors import OutputError

Overwrite = bool | Callable[[Sequence[Path]], bool]
"""True to replace existing results, False to refuse, or a function that decides about those that exist."""


def check_overwrite(existing: Sequence[Path], overwrite: Overwrite) -> None:
    """Checks that existing results may be replaced.

    Raises:
        OutputError: Results exist and may not be replaced.
    """
    if not existing or overwrite is True:
        return
    named = name_all(existing)
    if overwrite is False:
        raise OutputError(f"{named} already; overwrite with -y, or choose another name")
    if not overwrite(existing):
        raise OutputError(f"{named} and may not be overwritten; choose another name")


def name_all(paths: Sequence[Path]) -> str:
    """For example "r.mp4 exists", "r.mp4 and m.npz exist", "frame-1.png and 24 other files exist"."""
    first, *others = paths
    if not others:
        return f"{first} exists"
    return f"{first} and {others[0] if len(others) == 1 else f'{len(others)} other files'} exist"
